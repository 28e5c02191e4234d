with

performance as (

    select * from {{ ref('stg_ml__performance') }}

),

ranked as (

    select
        *,
        row_number() over (partition by run_id, as_of_at order by measured_at desc) as place
    from performance

),

prediction_performance as (

    select
        prediction_name,
        run_id,
        cast(as_of_at as date) as as_of_date,
        scored_as_champion,
        metric,
        metric_value,
        metric_lower,
        metric_upper,
        announced_lower,
        announced_upper,
        is_below_announced,
        top_tenth_lift,
        top_tenth_lift_lower,
        top_tenth_lift_upper,
        predicted_mean,
        actual_mean,
        row_count,
        ripe_row_count,
        measured_at
    from ranked
    where place = 1

)

select * from prediction_performance
