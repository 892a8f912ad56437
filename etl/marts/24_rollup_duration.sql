-- Days between two events, as histograms. A step that is still running is censored on
-- the network's day. Lost is only what can no longer take the step, a competing event;
-- a step that was taken on a day nobody stated is left out. What a patient waits for is
-- the order, which may need several batches or get none; the others are a batch's.
create table rollup_duration as
with numbered as (
    select
        *,
        min(infused) over (partition by site, order_key) as treated,
        row_number() over (
            partition by site, order_key
            order by counted desc, coalesce(attempt, 1), batch
        ) as place
    from fact_batch
    where order_key is not null
),

ordering as (
    select
        d.site,
        d.product,
        coalesce(b.pathway, '-') as pathway,
        d.ordered,
        coalesce(d.collected, b.collected) as collected,
        b.started,
        b.treated as infused,
        d.closed,
        coalesce(d.close_reason = 'treated', false) as done
    from demand as d
    inner join site as s on d.site = s.site and s.stage <> 'pre_gmp'
    left join numbered as b
        on d.site = b.site and d.order_key = b.order_key and b.place = 1
    where coalesce(b.counted, true)
),

made as (
    select
        site,
        product,
        pathway,
        collected,
        received,
        started,
        harvested,
        first_release,
        provisional_release,
        final_decision,
        infused,
        closed,
        least(ended, first_rejection) as refused,
        case when ended is null and first_rejection < first_release then null
             else closed
        end as closed_after,
        case when infused is null then closed end as closed_unused,
        coalesce(started, harvested, first_release, infused) is not null as begun,
        coalesce(harvested, first_release, infused) is not null as grown,
        coalesce(first_release, infused) is not null as let_go
    from fact_batch
    where counted
),

step as (
    select
        site, product, pathway,
        'ordered_collected' as step,
        ordered as since,
        collected as until,
        closed as lost,
        started is not null or infused is not null or done as taken
    from ordering
    union all
    select
        site, product, pathway,
        'collected_received', collected, received, closed, begun
    from made
    union all
    select
        site, product, pathway,
        'received_started', received, started, closed, grown
    from made
    union all
    select
        site, product, pathway,
        'started_harvested', started, harvested, closed, let_go
    from made
    union all
    select
        site, product, pathway,
        'harvested_released', harvested, first_release, refused, infused is not null
    from made
    union all
    select
        site, product, pathway,
        'released_infused', first_release, infused, closed_after, false
    from made
    union all
    -- A product that was infused still has to be certified, whatever came after.
    select
        site, product, pathway,
        'provisional_final', provisional_release, final_decision, closed_unused, false
    from made
    union all
    select
        site, product, pathway,
        'ordered_infused', ordered, infused, closed, done
    from ordering
),

measured as (
    select
        *,
        case
            when until is not null then 'ended'
            when lost is not null then 'competing'
            else 'censored'
        end as fate,
        coalesce(until, lost, (select as_of from network_day)) as stop
    from step
    where since is not null and (until is not null or not taken)
)

select
    site,
    product,
    pathway,
    cast(date_trunc('month', since) as date) as month,
    step,
    cast(date_diff('day', since, stop) as integer) as day,
    count(case when fate = 'ended' then 1 end) as ended,
    count(case when fate = 'competing' then 1 end) as competing,
    count(case when fate = 'censored' then 1 end) as censored
from measured
where stop >= since
group by all;
