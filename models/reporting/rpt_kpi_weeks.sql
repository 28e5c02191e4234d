with

kpis as (

    select * from {{ ref('dim_kpis') }}

),

kpi_values as (

    select * from {{ ref('fct_kpi_values') }}

),

calendar as (

    select * from {{ ref('dim_calendar') }}

),

weeks as (

    select
        kpi,
        starts_on as week_start_date,
        cast(starts_on - interval 7 day as date) as previous_week_start_date,
        numerator,
        denominator,
        kpi_value
    from kpi_values
    where grain = 'week'

),

trading_days as (

    select
        week_start_date,
        sum(case when is_trading_day then 1 else 0 end) as trading_days
    from calendar
    group by week_start_date

),

final as (

    select
        weeks.kpi,
        weeks.week_start_date,
        kpis.label,
        kpis.owner,
        kpis.unit,
        kpis.direction,
        cast(trading_days.trading_days as bigint) as trading_days,
        weeks.numerator,
        weeks.denominator,
        weeks.kpi_value,
        previous_weeks.kpi_value as previous_value
    from weeks
    inner join kpis on weeks.kpi = kpis.kpi
    inner join trading_days on weeks.week_start_date = trading_days.week_start_date
    left join weeks as previous_weeks
        on
            weeks.kpi = previous_weeks.kpi
            and weeks.previous_week_start_date = previous_weeks.week_start_date

)

select * from final
