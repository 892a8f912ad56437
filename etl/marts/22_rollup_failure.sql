-- Where batches are lost: stage and category of every batch that gave no product.
create table rollup_failure as
select
    site,
    product,
    pathway,
    cast(date_trunc('month', started) as date) as month,
    coalesce(failure_stage, 'not_stated') as stage,
    coalesce(failure_category, 'not_stated') as category,
    count(*) as n
from fact_batch
where counted and no_product and started is not null
group by all;
