with

household_periods as (

    select * from {{ ref('fct_household_periods') }}

),

calendar_grains as (

    select * from {{ ref('int_calendar_grains') }}

),

periods as (

    select
        cast(period_start_date + interval {{ var('period_days') }} day - interval 1 day as date) as period_end_date,
        sum(case when is_new then 1 else 0 end) as new_households,
        sum(case when is_reactivated then 1 else 0 end) as reactivated_households,
        sum(case when is_lapsed then 1 else 0 end) as lapsed_households,
        sum(case when is_retained then 1 else 0 end) as retained_households,
        sum(case when was_active_in_previous_period then 1 else 0 end) as previously_active_households
    from household_periods
    -- The first period has no past to compare with.
    where period_number > 1
    group by period_start_date

),

last_periods as (

    -- December sees two periods end; a stock is read at the last.
    select
        calendar_grains.grain,
        calendar_grains.starts_on,
        max(periods.period_end_date) as period_end_date
    from periods
    inner join calendar_grains on periods.period_end_date = calendar_grains.date_day
    group by calendar_grains.grain, calendar_grains.starts_on

),

measured as (

    select
        last_periods.grain,
        last_periods.starts_on,
        periods.new_households,
        periods.reactivated_households,
        periods.lapsed_households,
        periods.retained_households,
        periods.previously_active_households
    from last_periods
    inner join periods on last_periods.period_end_date = periods.period_end_date

),

final as (

    {{ kpi_rows('measured', {
        'new_households': ['new_households'],
        'reactivated_households': ['reactivated_households'],
        'lapsed_households': ['lapsed_households'],
        'retention_4_weeks': ['retained_households', 'previously_active_households'],
    }) }}

)

select * from final
