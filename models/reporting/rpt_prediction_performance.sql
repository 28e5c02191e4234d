with

runs as (

    select * from {{ ref('fct_prediction_runs') }}

),

metrics as (

    select * from {{ ref('fct_prediction_metrics') }}

),

tested as (

    select * from metrics
    where
        split = 'test'
        and is_declared_metric

),

prediction_performance as (

    select
        runs.run_id,
        runs.prediction_name,
        runs.run_number,
        runs.is_champion,
        runs.is_good,
        runs.estimator,
        runs.metric,
        pipeline.metric_value,
        pipeline.metric_lower,
        pipeline.metric_upper,
        runs.baseline,
        naive.metric_value as baseline_value,
        naive.metric_lower as baseline_lower,
        naive.metric_upper as baseline_upper,
        pipeline.metric_value - naive.metric_value as gain,
        runs.rows_trained,
        runs.rows_tested,
        cast(runs.tested_from as date) as tested_from_date,
        cast(runs.tested_to as date) as tested_to_date,
        runs.seconds,
        runs.finished_at
    from runs
    left join tested as pipeline
        on
            runs.run_id = pipeline.run_id
            and pipeline.predictor = 'pipeline'
    left join tested as naive
        on
            runs.run_id = naive.run_id
            and naive.predictor = 'baseline'

)

select * from prediction_performance
