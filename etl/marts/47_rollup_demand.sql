-- Orders by the region of the treating centre, in the month in which they were placed.
create table rollup_demand as
select
    site,
    product,
    coalesce(region, '-') as region,
    cast(date_trunc('month', ordered) as date) as month,
    count(*) as n
from demand
where ordered is not null
group by all;
