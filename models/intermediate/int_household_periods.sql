with

household_days as (

    select * from {{ ref('int_household_days') }}

),

calendar as (

    select * from {{ ref('int_calendar') }}
    where period_number is not null

),

periods as (

    select distinct
        period_number,
        period_start_date
    from calendar

),

households as (

    select
        household_id,
        min(trading_date) as first_trading_date
    from household_days
    group by household_id

),

active as (

    select
        household_days.household_id,
        calendar.period_number,
        cast(sum(household_days.baskets) as bigint) as baskets,
        cast(sum(household_days.sales_value) as decimal(12, 2)) as sales_value
    from household_days
    inner join calendar on household_days.trading_date = calendar.date_day
    group by household_days.household_id, calendar.period_number

),

first_active as (

    select
        household_id,
        min(period_number) as first_period_number
    from active
    group by household_id

),

-- Every household in every period from its first active one on, so that silence is a row, too.
spine as (

    select
        first_active.household_id,
        periods.period_number,
        periods.period_start_date,
        -- Who was there before the first period, or in it, may have been a customer for years.
        periods.period_number = first_active.first_period_number
        and periods.period_number > 1
        and households.first_trading_date >= periods.period_start_date as is_new,
        active.household_id is not null as is_active,
        coalesce(active.baskets, 0) as baskets,
        coalesce(active.sales_value, 0) as sales_value
    from first_active
    inner join households on first_active.household_id = households.household_id
    inner join periods on first_active.first_period_number <= periods.period_number
    left join active
        on
            first_active.household_id = active.household_id
            and periods.period_number = active.period_number

)

select * from spine
