-- Orders by what came of them, and what followed a first batch that failed.
create table rollup_order as
select
    site,
    product,
    pathway,
    month,
    attempts,
    count(*) as orders,
    sum(case when fate = 'made' then 1 else 0 end) as with_product,
    sum(case when fate = 'none' then 1 else 0 end) as without_product,
    sum(case when fate = 'open' then 1 else 0 end) as still_open,
    sum(case when first_failed is null then 0 else 1 end) as first_ended,
    sum(case when first_failed = 1 then 1 else 0 end) as first_failed,
    sum(case when first_failed = 1 and attempts > 1 then 1 else 0 end) as made_again,
    sum(case when first_failed = 1 and fate = 'made' then 1 else 0 end) as saved
from order_life
group by all;
