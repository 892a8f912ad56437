-- Throughput: each event counts in the month in which it happened.
create table rollup_event as
with event as (
    select site, batch, 'started' as event, started as happened from fact_batch
    union all
    select site, batch, 'harvested', harvested from fact_batch
    union all
    select site, batch, 'released', first_release from fact_batch
    union all
    select site, batch, 'infused', infused from fact_batch
    union all
    select site, batch, 'failed', coalesce(closed, final_decision, started)
    from fact_batch
    where no_product
)

select
    b.site,
    b.product,
    b.pathway,
    coalesce(b.trial, '-') as trial,
    b.counted,
    cast(date_trunc('month', e.happened) as date) as month,
    e.event,
    count(*) as n,
    sum(case when e.event = 'harvested' and b.cells_final < 1000000000000000
             then round(b.cells_final) else 0
        end) as cells,
    cast(sum(case
                 when e.event = 'harvested' then coalesce(b.doses_made, 0)
                 when e.event = 'released' then coalesce(b.doses_released, 0)
                 when e.event = 'infused' then coalesce(b.doses_infused, 0)
                 else 0
             end) as bigint) as doses
from event as e
inner join fact_batch as b on e.site = b.site and e.batch = b.batch
where e.happened is not null
group by all;
