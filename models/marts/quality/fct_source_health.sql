with

health as (

    select * from {{ ref('stg_ml__source_health') }}

),

latest as (

    select max(checked_at) as checked_at from health

),

source_health as (

    select
        health.source_name,
        health.table_name,
        health.source_check,
        health.checked_at,
        health.is_bad,
        health.check_message,
        health.measured_value,
        health.lower_bound,
        health.upper_bound,
        health.checked_at = latest.checked_at as is_latest_check
    from health
    cross join latest

)

select * from source_health
