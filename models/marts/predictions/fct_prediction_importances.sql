with

importances as (

    select * from {{ ref('stg_ml__importances') }}

),

runs as (

    select * from {{ ref('fct_prediction_runs') }}

),

prediction_importances as (

    select
        importances.run_id,
        importances.feature,
        runs.prediction_name,
        importances.importance,
        importances.importance_std,
        importances.importance_rank,
        runs.is_champion
    from importances
    inner join runs
        on importances.run_id = runs.run_id

)

select * from prediction_importances
