with

outcomes as (

    select * from {{ ref('fct_prediction_outcomes') }}
    where
        scored_as_champion
        and is_ripe

),

ranked as (

    select
        *,
        ntile(10) over (partition by prediction_name, run_id order by prediction, entity_key, as_of_date) as tenth
    from outcomes

),

prediction_calibration as (

    select
        prediction_name,
        run_id,
        tenth,
        count(*) as row_count,
        min(prediction) as lowest_prediction,
        max(prediction) as highest_prediction,
        avg(prediction) as predicted_mean,
        avg(actual) as actual_mean,
        -- Two standard errors to either side.
        avg(actual) - 2 * coalesce(stddev_samp(actual), 0) / sqrt(count(*)) as actual_lower,
        avg(actual) + 2 * coalesce(stddev_samp(actual), 0) / sqrt(count(*)) as actual_upper
    from ranked
    group by prediction_name, run_id, tenth

)

select * from prediction_calibration
