with

metrics as (

    select * from {{ ref('stg_ml__metrics') }}

),

runs as (

    select * from {{ ref('stg_ml__runs') }}

),

champions as (

    select * from {{ ref('int_champions') }}

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
        coalesce(champions.is_champion, false) as is_champion
    from metrics
    inner join runs
        on metrics.run_id = runs.run_id
    left join champions
        on metrics.run_id = champions.run_id

)

select * from prediction_metrics
