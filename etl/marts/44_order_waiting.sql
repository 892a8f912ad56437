-- Orders without a start or a closing on the network's day, by the day of the order.
create table order_waiting as
with begun as (
    select distinct site, order_key
    from fact_batch
    where order_key is not null and started is not null
)

select
    d.site,
    d.ordered,
    count(*) as waiting
from demand as d
left join begun as b on d.site = b.site and d.order_key = b.order_key
where d.closed is null and d.ordered is not null and b.order_key is null
group by d.site, d.ordered;
