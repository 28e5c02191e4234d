with

holidays as (

    select * from {{ ref('holidays') }}

),

dates as (

    {{ each_day(var('calendar_from'), var('calendar_to')) }}

),

weeks as (

    select
        date_day,
        cast({{ dbt.date_trunc('week', 'date_day') }} as date) as week_start_date,
        {{ dbt.datediff("date '" ~ var('first_period_start') ~ "'", 'date_day', 'day') }} as days_into_periods
    from dates

),

numbered as (

    select
        *,
        {{ dbt.datediff("date '" ~ var('first_week_start') ~ "'", 'week_start_date', 'week') }} + 1 as week_number,
        {{ dbt.datediff('week_start_date', 'date_day', 'day') }} + 1 as day_of_week,
        case
            when days_into_periods between 0 and {{ var('period_days') * var('period_count') - 1 }}
                then cast(floor(days_into_periods / {{ var('period_days') }}) as bigint) + 1
        end as period_number
    from weeks

),

described as (

    select
        numbered.date_day,
        numbered.week_number,
        numbered.week_start_date,
        numbered.period_number,
        date '{{ var("first_period_start") }}'
        + cast({{ var('period_days') }} * (numbered.period_number - 1) as integer) as period_start_date,
        cast({{ dbt.date_trunc('month', 'numbered.date_day') }} as date) as month_start_date,
        cast({{ dbt.date_trunc('quarter', 'numbered.date_day') }} as date) as quarter_start_date,
        numbered.day_of_week,
        case numbered.day_of_week
            when 1 then 'Monday'
            when 2 then 'Tuesday'
            when 3 then 'Wednesday'
            when 4 then 'Thursday'
            when 5 then 'Friday'
            when 6 then 'Saturday'
            when 7 then 'Sunday'
        end as day_name,
        numbered.day_of_week in (6, 7) as is_weekend,
        holidays.holiday_name,
        holidays.holiday_name is not null as is_holiday
    from numbered
    left join holidays on numbered.date_day = holidays.holiday_date

)

select * from described
