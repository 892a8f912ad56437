-- Batches that have ended, with a deviation and without, by whether they gave a
-- product. Only of sites that report deviations: elsewhere none is known of any batch.
create table rollup_deviation_batch as
with marked as (
    select distinct site, batch from deviation
    where batch is not null
),

reporting as (
    select distinct site from deviation
)

select
    b.site,
    b.product,
    b.pathway,
    cast(date_trunc('month', b.started) as date) as month,
    count(case when b.no_product then 1 end) as failed,
    count(case when b.no_product and m.batch is not null then 1 end)
        as failed_marked,
    count(case when not b.no_product then 1 end) as sound,
    count(case when not b.no_product and m.batch is not null then 1 end)
        as sound_marked
from fact_batch as b
inner join reporting as r on b.site = r.site
left join marked as m on b.site = m.site and b.batch = m.batch
where b.counted and not b.in_process and b.started is not null
group by all;
