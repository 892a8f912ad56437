-- Deviations by the month in which they were opened, and the corrective actions that
-- came of them. Open and overdue as of the last day that the site's own news speaks
-- of: a silent site has closed nothing that anybody knows of, and may have closed all.
create table rollup_deviation as
with known as (
    select
        s.site,
        s.stage,
        least(
            (select as_of from network_day),
            coalesce(max(f.last_day), (select as_of from network_day))
        ) as until
    from site as s
    left join freshness as f on s.site = f.site
    where s.kind <> 'published'
    group by s.site, s.stage
)

select
    d.site,
    coalesce(b.product, '-') as product,
    coalesce(b.pathway, '-') as pathway,
    coalesce(b.counted, k.stage <> 'pre_gmp') as counted,
    cast(date_trunc('month', d.opened) as date) as month,
    d.grade,
    coalesce(d.category, 'not_stated') as category,
    coalesce(d.root_cause, 'not_stated') as root_cause,
    count(*) as opened,
    count(case when d.closed is null then 1 end) as still_open,
    count(case when d.capa_due is not null or d.capa_closed is not null
               then 1 end) as actions,
    count(case when d.capa_due is not null and d.capa_closed is null then 1 end)
        as actions_open,
    count(case when d.capa_due < k.until then 1 end) as actions_due,
    count(case when d.capa_due < k.until and d.capa_closed is null then 1 end)
        as actions_overdue
from deviation as d
inner join known as k on d.site = k.site
left join fact_batch as b on d.site = b.site and d.batch = b.batch
group by all;
