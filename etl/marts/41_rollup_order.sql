-- Orders by what came of them, and what followed a first batch that failed.
create table rollup_order as
select
    site,
    product,
    pathway,
    month,
    attempts,
    count(*) as orders,
    count(case when fate = 'made' then 1 end) as with_product,
    count(case when fate = 'none' then 1 end) as without_product,
    count(case when fate = 'open' then 1 end) as still_open,
    count(first_failed) as first_ended,
    count(case when first_failed = 1 then 1 end) as first_failed,
    count(case when first_failed = 1 and attempts > 1 then 1 end) as made_again,
    count(case when first_failed = 1 and fate = 'made' then 1 end) as saved
from order_life
group by all;
