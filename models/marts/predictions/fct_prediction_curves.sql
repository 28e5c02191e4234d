with

curves as (

    select * from {{ ref('stg_ml__curves') }}

),

runs as (

    select * from {{ ref('fct_prediction_runs') }}

),

prediction_curves as (

    select
        curves.run_id,
        curves.split,
        curves.curve,
        curves.curve_point,
        runs.prediction_name,
        curves.feature,
        curves.class_label,
        curves.level,
        curves.x_value,
        curves.y_value,
        curves.y_lower,
        curves.y_upper,
        curves.row_count,
        runs.is_champion
    from curves
    inner join runs
        on curves.run_id = runs.run_id

)

select * from prediction_curves
