-- Counts of the sites that send no batches, beside those made of batches: the same
-- columns, so that every rate draws both. What such a site cannot count is null. A month
-- of which batches are known, from before the site counted for itself, is not counted
-- twice.
insert into rollup_batch_week (
    site, product, pathway, trial, process, starting_material, counted, month,
    started, in_process, ended, harvested, released, infused, provisional,
    awaiting_final, no_product, no_product_of, out_of_spec, out_of_spec_of,
    released_out_of_spec, released_out_of_spec_of, late_failure, late_failure_of,
    not_infused, not_infused_of, any_failure, any_failure_of, fails_own, fails_own_of,
    first_attempt_success, first_attempt_of, order_success, order_of
)
select
    t.site,
    t.product,
    t.pathway,
    '-',
    t.process,
    t.starting_material,
    t.pathway not in ('validation', 'engineering') and s.stage <> 'pre_gmp',
    cast(t.period || '-01' as date),
    t.started,
    t.in_process,
    t.ended,
    t.harvested,
    t.released,
    t.infused,
    t.provisional,
    t.awaiting_final,
    t.no_product,
    t.no_product_of,
    t.out_of_spec,
    t.out_of_spec_of,
    t.released_out_of_spec,
    t.released_out_of_spec_of,
    t.late_failure,
    t.late_failure_of,
    t.not_infused,
    t.not_infused_of,
    t.any_failure,
    t.any_failure_of,
    t.fails_own,
    t.fails_own_of,
    t.first_attempt_success,
    t.first_attempt_of,
    t.order_success,
    t.order_of
from stratum as t
inner join site as s on t.site = s.site and s.kind <> 'published'
where not exists (
    select 1 from fact_batch as b
    where b.site = t.site
          and cast(date_trunc('month', b.started) as date)
          = cast(t.period || '-01' as date)
);
