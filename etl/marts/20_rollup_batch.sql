-- Counts by week and month of start, a week that spans two months being cut in two:
-- what every rate is made of, ratios are computed last.
-- An order counts where its first batch does, whatever came of it in the end.
create table rollup_batch as
with placed as (
    select
        *,
        row_number() over (
            partition by site, order_key
            order by counted desc, coalesce(attempt, 1), batch
        ) as place,
        max(case when counted and not in_process then 1 else 0 end)
            over (partition by site, order_key) as order_ended,
        max(case when counted and first_release is not null then 1 else 0 end)
            over (partition by site, order_key) as order_released
    from fact_batch
)

select
    site,
    product,
    pathway,
    coalesce(trial, '-') as trial,
    coalesce(process, 'other') as process,
    coalesce(starting_material, '-') as starting_material,
    counted,
    cast(date_trunc('week', started) as date) as week,
    cast(date_trunc('month', started) as date) as month,
    count(*) as started,
    sum(case when in_process then 1 else 0 end) as in_process,
    sum(case when in_process then 0 else 1 end) as ended,
    sum(case when harvested is not null then 1 else 0 end) as harvested,
    sum(case when first_release is not null then 1 else 0 end) as released,
    sum(case when infused is not null then 1 else 0 end) as infused,
    sum(case when provisional_release is not null then 1 else 0 end) as provisional,
    sum(case when provisional_release is not null and final_decision is null
             then 1 else 0 end) as awaiting_final,
    sum(case when no_product then 1 else 0 end) as no_product,
    sum(case when no_product is not null then 1 else 0 end) as no_product_of,
    sum(case when out_of_spec then 1 else 0 end) as out_of_spec,
    sum(case when out_of_spec is not null then 1 else 0 end) as out_of_spec_of,
    sum(case when released_out_of_spec then 1 else 0 end) as released_out_of_spec,
    sum(case when released_out_of_spec is not null then 1 else 0 end)
        as released_out_of_spec_of,
    sum(case when late_failure then 1 else 0 end) as late_failure,
    sum(case when late_failure is not null then 1 else 0 end) as late_failure_of,
    sum(case when not_infused then 1 else 0 end) as not_infused,
    sum(case when not_infused is not null then 1 else 0 end) as not_infused_of,
    sum(case when any_failure then 1 else 0 end) as any_failure,
    sum(case when any_failure is not null then 1 else 0 end) as any_failure_of,
    sum(case when fails_own then 1 else 0 end) as fails_own,
    sum(case when fails_own is not null then 1 else 0 end) as fails_own_of,
    sum(case when fails_usual then 1 else 0 end) as fails_usual,
    sum(case when fails_usual is not null then 1 else 0 end) as fails_usual_of,
    -- Judged under its own criteria and under the usual ones: what both can be told of.
    sum(case when fails_own is not null and fails_usual is not null then 1 else 0 end)
        as alike,
    sum(case when fails_own and fails_usual is not null then 1 else 0 end)
        as alike_own,
    sum(case when fails_own is not null and fails_usual then 1 else 0 end)
        as alike_usual,
    sum(case when fails_own and fails_usual then 1 else 0 end) as alike_both,
    sum(case when coalesce(attempt, 1) = 1 and not in_process then 1 else 0 end)
        as first_attempt_of,
    sum(case when coalesce(attempt, 1) = 1 and not in_process and not no_product
             then 1 else 0 end) as first_attempt_success,
    sum(case when order_key is not null and place = 1 then order_ended else 0 end)
        as order_of,
    sum(case when order_key is not null and place = 1 then order_released else 0 end)
        as order_success,
    sum(coalesce(cells_final, 0)) as cells_final,
    sum(coalesce(doses_made, 0)) as doses_made,
    sum(coalesce(doses_released, 0)) as doses_released
from placed
where started is not null
group by all;
