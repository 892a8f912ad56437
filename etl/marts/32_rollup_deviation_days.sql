-- Days from the opening of a deviation to its closing, and to that of its corrective
-- action, as histograms; what is open is censored on the last day of the site's news.
create table rollup_deviation_days as
with known as (
    select
        s.site,
        least(
            (select as_of from network_day),
            coalesce(max(f.last_day), (select as_of from network_day))
        ) as until
    from site as s
    left join freshness as f on s.site = f.site
    where s.kind <> 'published'
    group by s.site
),

way as (
    select site, batch, grade, 'deviation' as closing, opened, closed as until
    from deviation
    union all
    select site, batch, grade, 'action', opened, capa_closed
    from deviation
    where capa_due is not null or capa_closed is not null
)

select
    w.site,
    coalesce(b.product, '-') as product,
    coalesce(b.pathway, '-') as pathway,
    cast(date_trunc('month', w.opened) as date) as month,
    w.grade,
    w.closing,
    cast(date_diff('day', w.opened, coalesce(w.until, k.until)) as integer) as day,
    count(case when w.until is not null then 1 end) as ended,
    count(case when w.until is null then 1 end) as censored
from way as w
inner join known as k on w.site = k.site
left join fact_batch as b on w.site = b.site and w.batch = b.batch
where coalesce(w.until, k.until) >= w.opened
group by all;
