with

outcomes as (

    select * from {{ ref('fct_prediction_outcomes') }}
    where scored_as_champion

),

performance as (

    select * from {{ ref('fct_prediction_performance') }}

),

weeks as (

    select
        prediction_name,
        run_id,
        as_of_date,
        count(*) as row_count,
        count(actual) as ripe_row_count,
        cast(count(actual) as double) / count(*) as ripe_share,
        sum(prediction) as predicted_total,
        sum(case when is_ripe then prediction end) as predicted_total_of_ripe,
        sum(actual) as actual_total,
        avg(case when is_ripe then prediction end) as predicted_mean,
        avg(actual) as actual_mean,
        avg(abs(prediction_error)) as mean_absolute_error
    from outcomes
    group by prediction_name, run_id, as_of_date

),

prediction_weeks as (

    select
        weeks.prediction_name,
        weeks.run_id,
        weeks.as_of_date,
        weeks.row_count,
        weeks.ripe_row_count,
        weeks.ripe_share,
        weeks.predicted_total,
        weeks.predicted_total_of_ripe,
        weeks.actual_total,
        weeks.predicted_mean,
        weeks.actual_mean,
        weeks.mean_absolute_error,
        performance.top_tenth_lift,
        performance.top_tenth_lift_lower,
        performance.top_tenth_lift_upper,
        performance.metric,
        performance.metric_value,
        performance.metric_lower,
        performance.metric_upper,
        performance.announced_lower,
        performance.announced_upper,
        performance.is_below_announced
    from weeks
    left join performance
        on
            weeks.run_id = performance.run_id
            and weeks.as_of_date = performance.as_of_date

)

select * from prediction_weeks
