with

runs as (

    select * from {{ ref('stg_ml__runs') }}

),

trials as (

    select * from {{ ref('stg_ml__trials') }}

),

champions as (

    select * from {{ ref('int_champions') }}

),

tried as (

    select
        run_id,
        count(*) as trials
    from trials
    group by run_id

),

prediction_runs as (

    select
        runs.run_id,
        runs.prediction_name,
        row_number() over (partition by runs.prediction_name order by runs.finished_at, runs.run_id) as run_number,
        runs.task,
        runs.target,
        runs.metric,
        runs.estimator,
        runs.baseline,
        runs.feature_model,
        runs.data_fingerprint,
        runs.git_commit,
        coalesce(tried.trials, 0) as trials,
        runs.rows_trained,
        runs.rows_tested,
        runs.positive_rate,
        runs.pipeline_bytes,
        runs.seed,
        runs.seconds,
        runs.core_seconds,
        runs.decision_threshold,
        runs.decision_capacity,
        runs.is_good,
        runs.is_forced,
        coalesce(champions.is_champion, false) as is_champion,
        champions.promoted_by,
        champions.promotion_reason,
        champions.promoted_at,
        runs.started_at,
        runs.finished_at,
        runs.first_as_of,
        runs.last_as_of,
        runs.tested_from,
        runs.tested_to
    from runs
    left join tried
        on runs.run_id = tried.run_id
    left join champions
        on runs.run_id = champions.run_id

)

select * from prediction_runs
