-- Counts by week and month of start, a week that spans two months being cut in two:
-- what every rate is made of, ratios are computed last.
-- An order counts where its first batch does, whatever came of it in the end.
create table rollup_batch_week as
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
    count(case when in_process then 1 end) as in_process,
    count(case when not in_process then 1 end) as ended,
    count(case when harvested is not null then 1 end) as harvested,
    count(case when first_release is not null then 1 end) as released,
    count(case when infused is not null then 1 end) as infused,
    count(case when provisional_release is not null then 1 end) as provisional,
    count(case when provisional_release is not null and final_decision is null
               then 1 end) as awaiting_final,
    count(case when no_product then 1 end) as no_product,
    count(case when no_product is not null then 1 end) as no_product_of,
    count(case when out_of_spec then 1 end) as out_of_spec,
    count(case when out_of_spec is not null then 1 end) as out_of_spec_of,
    count(case when released_out_of_spec then 1 end) as released_out_of_spec,
    count(case when released_out_of_spec is not null then 1 end)
        as released_out_of_spec_of,
    count(case when late_failure then 1 end) as late_failure,
    count(case when late_failure is not null then 1 end) as late_failure_of,
    count(case when not_infused then 1 end) as not_infused,
    count(case when not_infused is not null then 1 end) as not_infused_of,
    count(case when any_failure then 1 end) as any_failure,
    count(case when any_failure is not null then 1 end) as any_failure_of,
    count(case when fails_own then 1 end) as fails_own,
    count(case when fails_own is not null then 1 end) as fails_own_of,
    count(case when fails_usual then 1 end) as fails_usual,
    count(case when fails_usual is not null then 1 end) as fails_usual_of,
    -- Judged under its own criteria and under the usual ones: what both can be told of.
    count(case when fails_own is not null and fails_usual is not null then 1 end)
        as alike,
    count(case when fails_own and fails_usual is not null then 1 end)
        as alike_own,
    count(case when fails_own is not null and fails_usual then 1 end)
        as alike_usual,
    count(case when fails_own and fails_usual then 1 end) as alike_both,
    count(case when coalesce(attempt, 1) = 1 and not in_process then 1 end)
        as first_attempt_of,
    count(case when coalesce(attempt, 1) = 1 and not in_process and not no_product
               then 1 end) as first_attempt_success,
    count(case when order_key is not null and place = 1 and order_ended = 1
               then 1 end) as order_of,
    count(case when order_key is not null and place = 1 and order_released = 1
               then 1 end) as order_success,
    -- Cells are whole: their sums are the same in whatever order they are added. What
    -- is past any batch is a slip of the pen, and would swallow the others.
    sum(case when cells_final < 1000000000000000 then round(cells_final) else 0 end)
        as cells_final,
    cast(sum(coalesce(doses_made, 0)) as bigint) as doses_made,
    cast(sum(coalesce(doses_released, 0)) as bigint) as doses_released
from placed
where started is not null
group by all;
