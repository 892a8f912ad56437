-- What final products measured, as sums from which means and spreads are made, for the
-- tests that ring trials compare: the difference of two sites can be laid beside that
-- of their laboratories. Of a laboratory, so that a third party's readings are its own.
-- Decimal sums are the same in whatever order they are added; figures past a million
-- million are no measurement of any of these tests.
create table rollup_value as
select
    r.site,
    case when r.laboratory = '-' then r.site else r.laboratory end as laboratory,
    b.product,
    b.pathway,
    r.parameter,
    r.unit,
    cast(date_trunc('month', b.started) as date) as month,
    count(*) as n,
    cast(sum(cast(r.value as decimal(18, 4))) as double) as total,
    cast(sum(cast(r.value as decimal(18, 4)) * cast(r.value as decimal(18, 4)))
         as double) as squares
from result as r
inner join fact_batch as b on r.site = b.site and r.batch = b.batch
where b.counted and b.started is not null and r.stage = 'final_product'
      and r.state = 'valid' and r.value is not null
      and coalesce(r.comparator, '=') = '='
      and abs(r.value) < 1000000000000
      and r.parameter in (select parameter from ring_trial)
group by all;
