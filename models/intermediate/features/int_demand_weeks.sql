with

calendar as (

    select * from {{ ref('dim_calendar') }}

),

days as (

    select * from {{ ref('int_household_days') }}

),

data_days as (

    select
        min(trading_date) as first_date,
        max(trading_date) as last_date
    from days

),

weeks as (

    select
        calendar.week_start_date,
        count(case when calendar.is_holiday then 1 end) as holidays,
        max(calendar.date_day) <= data_days.last_date as is_closed
    from calendar
    cross join data_days
    group by calendar.week_start_date, data_days.first_date, data_days.last_date
    -- Only whole weeks, and the one that starts right after the data: the next to be planned.
    having
        min(calendar.date_day) >= data_days.first_date
        and min(calendar.date_day) <= data_days.last_date + interval 1 day

)

select * from weeks
