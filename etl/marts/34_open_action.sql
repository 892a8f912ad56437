-- Corrective actions that are not closed, with the batch that each is about where it is
-- known: one row each. `place` is its place when the first that was due comes first.
create table open_action as
select
    d.site,
    d.deviation,
    b.batch,
    b.product,
    b.pathway,
    d.grade,
    d.category,
    d.root_cause,
    d.opened,
    cast(date_trunc('month', d.opened) as date) as month,
    d.capa_due,
    cast(row_number() over (order by d.capa_due, d.site, d.deviation) as bigint)
        as place
from deviation as d
left join fact_batch as b on d.site = b.site and d.batch = b.batch
where d.capa_due is not null and d.capa_closed is null;
