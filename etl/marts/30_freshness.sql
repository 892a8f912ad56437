-- How old a site's news is: the last day any of its own rows speaks of.
create table freshness as
with spoken as (
    select site, 'batch' as dataset, max(day) as last_day
    from (
        select site, greatest(
            started,
            coalesce(harvested, started),
            coalesce(ended, started),
            coalesce(infused, started)
        ) as day
        from fact_batch
    ) as lived
    group by site
    union all
    -- Counts tell the month only: they speak of most of it, or of it until today.
    select
        site,
        'batch',
        least(max(month) + 27, (select as_of from network_day))
    from rollup_batch_week
    where week is null
    group by site
    union all
    select site, 'capacity', max(week) + 6 from capacity
    where used is not null
    group by site
    union all
    select site, 'release', max(decided) from release
    group by site
    union all
    select laboratory, 'result', max(reported) from result
    where reported is not null
    group by laboratory
)

select p.site, p.dataset, p.last_day
from spoken as p
inner join site as s on p.site = s.site and s.kind <> 'published'
where p.last_day is not null;
