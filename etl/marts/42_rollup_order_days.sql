-- Days from order to infusion as histograms, by whether the first batch failed. An
-- order that closed otherwise competes, one still open is censored on the network's day.
create table rollup_order_days as
with lived as (
    select
        *,
        coalesce(infused, closed, (select as_of from network_day)) as stop
    from order_life
    where first_failed is not null and ordered is not null and not untold
)

select
    site,
    product,
    pathway,
    month,
    case when first_failed = 1 then 'failed' else 'gave' end as first_attempt,
    cast(date_diff('day', ordered, stop) as integer) as day,
    count(case when infused is not null then 1 end) as ended,
    count(case when infused is null and closed is not null then 1 end)
        as competing,
    count(case when infused is null and closed is null then 1 end) as censored
from lived
where stop >= ordered
group by all;
