-- One row an order with a counted batch: what its batches came to. It belongs to the
-- month, product and pathway of its first batch. Batches without an order, and those
-- that count in no rate, take no part.
create table order_life as
with numbered as (
    select
        *,
        row_number() over (
            partition by site, order_key
            order by coalesce(attempt, 1), started, batch
        ) as place
    from fact_batch
    where counted and order_key is not null and started is not null
),

life as (
    select
        site,
        order_key,
        max(case when place = 1 then product end) as product,
        max(case when place = 1 then pathway end) as pathway,
        max(case when place = 1 then cast(date_trunc('month', started) as date) end)
            as month,
        max(coalesce(attempt, place)) as attempts,
        max(case when place = 1 and no_product then 1
                 when place = 1 and not no_product then 0
            end) as first_failed,
        max(case when no_product then 0 when no_product is null then 0 else 1 end)
            as made,
        min(infused) as infused
    from numbered
    group by site, order_key
)

select
    o.site,
    o.order_key,
    o.product,
    o.pathway,
    o.month,
    o.attempts,
    o.first_failed,
    o.infused,
    d.ordered,
    d.closed,
    coalesce(d.close_reason = 'treated', false) and o.infused is null as untold,
    case when o.made = 1 then 'made' when d.closed is null then 'open' else 'none' end
        as fate
from life as o
left join demand as d on o.site = d.site and o.order_key = d.order_key;
