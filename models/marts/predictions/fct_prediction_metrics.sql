with

metrics as (

    select * from {{ ref('stg_ml__metrics') }}

),

runs as (

    select * from {{ ref('fct_prediction_runs') }}

),

prediction_metrics as (

    select
        metrics.run_id,
        metrics.split,
        metrics.predictor,
        metrics.metric,
        runs.prediction_name,
        metrics.metric_value,
        metrics.metric_lower,
        metrics.metric_upper,
        metrics.row_count,
        metrics.metric = runs.metric as is_declared_metric,
        runs.is_champion
    from metrics
    inner join runs
        on metrics.run_id = runs.run_id

)

select * from prediction_metrics
