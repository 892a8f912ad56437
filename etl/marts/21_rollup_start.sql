-- Batches by the week in which they were begun, a week that spans two months being cut
-- in two: what the slots of a week were used for.
create table rollup_start as
select
    site,
    product,
    pathway,
    counted,
    cast(date_trunc('week', started) as date) as week,
    cast(date_trunc('month', started) as date) as month,
    count(*) as n
from fact_batch
where started is not null
group by all;
