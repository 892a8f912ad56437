-- Release criteria judged one by one: which parameter fails, where, how often.
create table rollup_parameter as
select
    b.site,
    b.product,
    b.pathway,
    cast(date_trunc('month', b.started) as date) as month,
    j.parameter,
    count(case when j.outcome <> 'undetermined' then 1 end) as judged,
    count(case when j.outcome = 'fail' then 1 end) as failed,
    count(case when j.outcome = 'undetermined' then 1 end) as undetermined
from judged as j
inner join fact_batch as b on j.site = b.site and j.batch = b.batch
where b.counted and not b.in_process and b.started is not null
      and j.status = 'release'
group by all;
