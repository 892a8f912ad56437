-- What final products measured, as sums from which means and spreads are made, for the
-- tests that ring trials compare: the difference of two sites can be laid beside that
-- of their laboratories. Of a laboratory, so that a third party's readings are its own.
-- `censored` were below or above what can be measured and are in no sum. Decimal sums
-- are the same in whatever order they are added; figures past a million million are no
-- measurement of any of these tests.
create table rollup_value as
select
    r.site,
    case when r.laboratory = '-' then r.site else r.laboratory end as laboratory,
    b.product,
    b.pathway,
    r.parameter,
    r.unit,
    cast(date_trunc('month', b.started) as date) as month,
    count(r.figure) as n,
    count(case when r.figure is null then 1 end) as censored,
    cast(coalesce(sum(r.figure), 0) as double) as total,
    cast(coalesce(sum(r.figure * r.figure), 0) as double) as squares
from (
    select
        *,
        case when coalesce(comparator, '=') = '='
             then cast(value as decimal(18, 4))
        end as figure
    from result
    where stage = 'final_product' and state = 'valid' and value is not null
          and abs(value) < 1000000000000
          and parameter in (select parameter from ring_trial)
) as r
inner join fact_batch as b on r.site = b.site and r.batch = b.batch
where b.counted and b.started is not null
group by all;
