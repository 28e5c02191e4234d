with

calendar as (

    select * from {{ ref('int_calendar') }}

),

household_days as (

    select * from {{ ref('int_household_days') }}

),

trading_days as (

    select distinct trading_date from household_days

),

final as (

    select
        calendar.date_day,
        calendar.week_number,
        calendar.week_start_date,
        calendar.period_number,
        calendar.period_start_date,
        calendar.month_start_date,
        calendar.quarter_start_date,
        calendar.day_of_week,
        calendar.day_name,
        calendar.is_weekend,
        calendar.holiday_name,
        calendar.is_holiday,
        trading_days.trading_date is not null as is_trading_day
    from calendar
    left join trading_days on calendar.date_day = trading_days.trading_date

)

select * from final
