-- What became of all batches that used a lot, whether they count in rates or not, and
-- between which days they were begun. A batch of which only the lot was ever sent is
-- one of those that used it.
create table rollup_lot as
select
    m.kind,
    m.supplier,
    m.lot,
    m.site,
    cast(date_trunc('month', b.started) as date) as month,
    count(distinct m.batch) as used,
    count(distinct case when not b.in_process then m.batch end) as ended,
    count(distinct case when b.no_product then m.batch end) as failed,
    min(b.started) as first_start,
    max(b.started) as last_start,
    max(m.expires) as expires
from material as m
left join fact_batch as b on m.site = b.site and m.batch = b.batch
group by all;
