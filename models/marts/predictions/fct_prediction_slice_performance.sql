with

slices as (

    select * from {{ ref('stg_ml__performance_slices') }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by run_id, as_of_at, slice_column, slice_level
            order by measured_at desc
        ) as place
    from slices

),

slice_performance as (

    select
        prediction_name,
        run_id,
        cast(as_of_at as date) as as_of_date,
        slice_column,
        slice_level,
        metric,
        metric_value,
        metric_lower,
        metric_upper,
        predicted_mean,
        actual_mean,
        row_count,
        measured_at
    from ranked
    where place = 1

)

select * from slice_performance
