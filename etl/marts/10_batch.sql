-- One row a member's batch: the contract's columns and what became of it.
-- Derived from `batch` and `release` alone, never from the site's own word
-- (`outcome`), so that every site is judged by the same definitions. A flag that
-- is null is undetermined: neither counted as a failure nor in the denominator.
create table fact_batch as
with decision as (
    select
        site,
        batch,
        min(case when decision in ('released', 'released_out_of_spec') then decided end)
            as first_release,
        min(case when gate = 'provisional'
                  and decision in ('released', 'released_out_of_spec') then decided end)
            as provisional_release,
        min(case when gate in ('final', 'release') then decided end) as final_decision,
        max(case when gate = 'final' and decision = 'rejected' then 1 else 0 end)
            as final_rejected,
        max(case when decision = 'released_out_of_spec' then 1 else 0 end)
            as out_of_spec_release,
        max(case when decision = 'rejected' then 1 else 0 end) as any_rejected,
        min(case when decision = 'rejected' then decided end) as first_rejection
    from release
    group by site, batch
),

outcome as (
    select
        site,
        batch,
        max(case when failed > 0 then 1 else 0 end) as failed,
        max(case when undetermined > 0 then 1 else 0 end) as undetermined,
        max(case when gate = 'final' and failed > 0 then 1 else 0 end)
            as final_failed
    from gate_outcome
    group by site, batch
),

life as (
    select
        b.*,
        s.region,
        p.product_class,
        p.source,
        b.pathway not in ('validation', 'engineering') and s.stage <> 'pre_gmp'
            as counted,
        d.first_release,
        d.provisional_release,
        d.final_decision,
        coalesce(d.final_rejected, 0) = 1 as final_rejected,
        coalesce(o.final_failed, 0) = 1 as final_failed,
        o.failed,
        o.undetermined,
        u.outcome as usual_outcome,
        case
            when d.out_of_spec_release = 1 then 'out_of_spec'
            when d.first_release is not null then 'in_spec'
            when d.any_rejected = 1 then 'rejected'
            else 'not_released'
        end as released_as,
        d.first_rejection,
        coalesce(b.ended, d.first_rejection) as closed
    from batch as b
    inner join site as s on b.site = s.site and s.kind <> 'published'
    left join product as p on b.product = p.product
    left join decision as d on b.site = d.site and b.batch = d.batch
    left join outcome as o on b.site = o.site and b.batch = o.batch
    left join usual_outcome as u on b.site = u.site and b.batch = u.batch
),

fate as (
    select
        *,
        case
            when released_as <> 'not_released' or infused is not null then 'completed'
            when ended is null then 'in_process'
            when harvested is null then 'terminated'
            else 'expired'
        end as ended_as
    from life
),

flagged as (
    select
        *,
        ended_as = 'in_process' as in_process,
        case when ended_as <> 'in_process'
             then ended_as in ('terminated', 'expired') or released_as = 'rejected'
        end as no_product,
        case when ended_as <> 'in_process' and undetermined = 0
             then failed = 1
        end as out_of_spec,
        case when ended_as <> 'in_process'
             then released_as = 'out_of_spec'
        end as released_out_of_spec,
        case when provisional_release is not null
             then final_rejected or final_failed
        end as late_failure,
        case when ended_as <> 'in_process'
                  and (infused is not null or closed is not null)
             then infused is null
        end as not_infused,
        -- By criteria alone, whatever was decided; what was lost before it could be
        -- judged is lost under any criteria.
        case when ended_as in ('terminated', 'expired') or
                  (ended_as <> 'in_process' and failed = 1) then true
             when ended_as <> 'in_process' and undetermined = 0 then false
        end as fails_own,
        case when ended_as in ('terminated', 'expired') or
                  (ended_as <> 'in_process' and usual_outcome = 'fail') then true
             when ended_as <> 'in_process' and usual_outcome = 'pass' then false
        end as fails_usual
    from fate
)

select
    *,
    case when ended_as <> 'in_process'
         then no_product
              or coalesce(out_of_spec, false)
              or released_out_of_spec
              or coalesce(late_failure, false)
              or coalesce(not_infused, false)
    end as any_failure
from flagged;
