-- Batches released provisionally, by month of that release and days to what settled it:
-- a final result or decision that fails, or the final certificate. Those that wait have
-- waited until the last day their site's releases speak of: of later ones nobody heard.
create table rollup_certification as
with heard as (
    select site, max(decided) as last_day
    from release
    group by site
),

settled as (
    select
        b.site,
        b.product,
        b.pathway,
        b.provisional_release,
        b.late_failure,
        b.late_failure and b.infused is not null
            and (b.final_decision is null or b.infused <= b.final_decision) as given,
        b.final_decision is not null or b.late_failure as known,
        coalesce(b.final_decision,
                 least(h.last_day, (select as_of from network_day))) as until
    from fact_batch as b
    inner join heard as h on b.site = h.site
    where b.counted and b.provisional_release is not null
)

select
    site,
    product,
    pathway,
    cast(date_trunc('month', provisional_release) as date) as month,
    greatest(cast(date_diff('day', provisional_release, until) as integer), 0) as day,
    count(case when late_failure then 1 end) as failed,
    count(case when late_failure and given then 1 end) as failed_given,
    count(case when known and not late_failure then 1 end) as certified,
    count(*) - count(case when known then 1 end) as waiting
from settled
group by all;
