-- Days from sample to report by laboratory: own bench or third party.
create table rollup_laboratory as
select
    r.laboratory,
    r.laboratory in ('-', r.site) as own,
    r.site,
    b.product,
    b.pathway,
    r.parameter,
    cast(date_trunc('month', r.sampled) as date) as month,
    cast(date_diff('day', r.sampled,
                   coalesce(r.reported, (select as_of from network_day)))
         as integer) as day,
    count(case when r.reported is not null then 1 end) as ended,
    count(case when r.reported is null then 1 end) as censored
from result as r
inner join fact_batch as b on r.site = b.site and r.batch = b.batch
where r.sampled is not null
      and r.state not in ('not_done', 'not_applicable')
      and (r.reported is null or r.reported >= r.sampled)
group by all;
