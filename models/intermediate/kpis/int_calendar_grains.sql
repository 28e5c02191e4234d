with

calendar as (

    select * from {{ ref('dim_calendar') }}

),

final as (

    select
        'week' as grain,
        week_start_date as starts_on,
        date_day
    from calendar

    union all

    select
        'month' as grain,
        month_start_date as starts_on,
        date_day
    from calendar

)

select * from final
