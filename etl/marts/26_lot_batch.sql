-- Every use of a lot in a batch, and how that batch stands: what a recall asks for. The
-- uses of a lot lie together, so that a recall reads few of the others.
create table lot_batch as
select
    m.kind,
    m.supplier,
    m.lot,
    m.site,
    m.batch,
    b.product,
    b.pathway,
    b.started,
    b.harvested,
    b.first_release,
    b.infused,
    b.ended,
    case
        when b.batch is null then 'never sent'
        when b.infused is not null then 'infused'
        when b.in_process then 'in process'
        when b.first_release is not null and b.ended is null
            then 'released, not infused'
        when b.first_release is not null then 'released, never infused'
        else 'gave no product'
    end as stands,
    m.expires
from material as m
left join fact_batch as b on m.site = b.site and m.batch = b.batch
order by m.lot, m.site, m.batch;
