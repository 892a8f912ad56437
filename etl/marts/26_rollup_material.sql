-- What became of the batches that used a lot, wherever they were made.
create table rollup_material as
select
    m.kind,
    m.supplier,
    m.lot,
    m.site,
    b.product,
    b.pathway,
    cast(date_trunc('month', b.started) as date) as month,
    count(distinct m.batch) as batches,
    count(distinct case when not b.in_process then m.batch end) as ended,
    count(distinct case when b.no_product then m.batch end) as failed
from material as m
inner join fact_batch as b on m.site = b.site and m.batch = b.batch
where b.counted and b.started is not null
group by all;
