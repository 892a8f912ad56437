-- Days from the start of a batch that failed to the start of the order's next one.
create table rollup_again as
with followed as (
    select
        site,
        no_product,
        started,
        lead(started) over (
            partition by site, order_key
            order by coalesce(attempt, 1), started, batch
        ) as following
    from fact_batch
    where counted and order_key is not null and started is not null
)

select
    site,
    cast(date_diff('day', started, following) as integer) as day,
    count(*) as n
from followed
where no_product and following >= started
group by all;
