-- Batches of orders by their attempt, in the month, product and pathway of the order.
create table rollup_attempt as
with numbered as (
    select
        site,
        order_key,
        no_product,
        coalesce(attempt, row_number() over (
            partition by site, order_key
            order by coalesce(attempt, 1), started, batch
        )) as attempt
    from fact_batch
    where counted and order_key is not null and started is not null
)

select
    n.site,
    o.product,
    o.pathway,
    o.month,
    n.attempt,
    count(case when n.no_product is null then 1 end) as in_process,
    count(n.no_product) as ended,
    count(case when not n.no_product then 1 end) as product_made
from numbered as n
inner join order_life as o on n.site = o.site and n.order_key = o.order_key
group by all;
