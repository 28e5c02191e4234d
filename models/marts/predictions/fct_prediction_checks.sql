with

checks as (

    select * from {{ ref('stg_ml__checks') }}

),

latest as (

    select
        prediction_name,
        max(checked_at) as checked_at
    from checks
    group by prediction_name

),

prediction_checks as (

    select
        checks.check_id,
        checks.finding,
        checks.prediction_name,
        checks.check_name,
        checks.finding_level,
        checks.feature,
        checks.finding_message,
        checks.finding_value,
        checks.finding_threshold,
        checks.checked_at,
        checks.checked_at = latest.checked_at as is_latest_check
    from checks
    inner join latest
        on checks.prediction_name = latest.prediction_name

)

select * from prediction_checks
