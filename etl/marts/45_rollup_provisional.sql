-- Batches that were released provisionally, by the day of that release.
create table rollup_provisional as
select
    site,
    product,
    pathway,
    provisional_release,
    count(*) as provisional,
    count(case when final_decision is null then 1 end) as waiting
from fact_batch
where counted and provisional_release is not null
group by site, product, pathway, provisional_release;
