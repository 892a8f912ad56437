-- Release criteria judged one by one: which parameter fails, where, how often.
create table rollup_parameter as
select
    b.site,
    b.product,
    b.pathway,
    cast(date_trunc('week', b.started) as date) as week,
    cast(date_trunc('month', b.started) as date) as month,
    j.parameter,
    sum(case when j.outcome = 'undetermined' then 0 else 1 end) as judged,
    sum(case when j.outcome = 'fail' then 1 else 0 end) as failed,
    sum(case when j.outcome = 'undetermined' then 1 else 0 end) as undetermined
from judged as j
inner join fact_batch as b on j.site = b.site and j.batch = b.batch
where b.counted and not b.in_process and b.started is not null
      and j.status = 'release'
group by all;
