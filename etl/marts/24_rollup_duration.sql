-- Days between two events, as histograms: a step that is still running is censored
-- on the network's day, a batch that ended before the step is a competing event.
create table rollup_duration as
with dated as (
    select
        b.*,
        case when coalesce(b.attempt, 1) = 1 then d.ordered end as ordered
    from fact_batch as b
    left join demand as d on b.site = d.site and b.order_key = d.order_key
    where b.counted
),

step as (
    select *, 'ordered_collected' as step, ordered as since, collected as until
    from dated
    union all
    select *, 'collected_received', collected, received from dated
    union all
    select *, 'received_started', received, started from dated
    union all
    select *, 'started_harvested', started, harvested from dated
    union all
    select *, 'harvested_released', harvested, first_release from dated
    union all
    select *, 'released_infused', first_release, infused from dated
    union all
    select *, 'provisional_final', provisional_release, final_decision from dated
    union all
    select *, 'ordered_infused', ordered, infused from dated
),

measured as (
    select
        *,
        case
            when until is not null then 'ended'
            when closed is not null then 'competing'
            else 'censored'
        end as fate,
        coalesce(until, closed, (select as_of from network_day)) as stop
    from step
    where since is not null
)

select
    site,
    product,
    pathway,
    coalesce(process, 'other') as process,
    coalesce(starting_material, '-') as starting_material,
    cast(date_trunc('week', since) as date) as week,
    step,
    cast(date_diff('day', since, stop) as integer) as day,
    sum(case when fate = 'ended' then 1 else 0 end) as ended,
    sum(case when fate = 'competing' then 1 else 0 end) as competing,
    sum(case when fate = 'censored' then 1 else 0 end) as censored
from measured
where stop >= since
group by all;
