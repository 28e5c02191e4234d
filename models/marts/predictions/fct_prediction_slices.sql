with

slices as (

    select * from {{ ref('stg_ml__slices') }}

),

runs as (

    select * from {{ ref('fct_prediction_runs') }}

),

prediction_slices as (

    select
        slices.run_id,
        slices.slice_column,
        slices.slice_kind,
        slices.slice_level,
        slices.metric,
        runs.prediction_name,
        slices.metric_value,
        slices.metric_lower,
        slices.metric_upper,
        slices.row_count,
        slices.entity_count,
        runs.is_champion
    from slices
    inner join runs
        on slices.run_id = runs.run_id

)

select * from prediction_slices
