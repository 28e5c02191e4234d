with

alerts as (

    select * from {{ ref('stg_ml__alerts') }}

),

numbered as (

    select
        *,
        lead(happened_at) over (partition by alert_id order by happened_at) as ended_at
    from alerts

),

begun as (

    select
        alert_id,
        happened_at as began_at,
        ended_at,
        ended_at is null as is_open,
        alert_kind,
        alert_subject,
        owner_name,
        alert_message,
        remedy
    from numbered
    where alert_event = 'started'

)

select * from begun
