with

predictions as (

    select * from {{ ref('fct_household_lapse_predictions') }}

),

calendar_grains as (

    select * from {{ ref('int_calendar_grains') }}

),

as_ofs as (

    select
        as_of_date,
        sum(case when is_at_risk then 1 else 0 end) as households_at_risk,
        sum(case when is_at_risk then usual_spend else 0 end) as revenue_at_risk
    from predictions
    group by as_of_date

),

last_as_ofs as (

    -- A month holds several as-ofs; a stock is read at the last.
    select
        calendar_grains.grain,
        calendar_grains.starts_on,
        max(as_ofs.as_of_date) as as_of_date
    from as_ofs
    inner join calendar_grains on as_ofs.as_of_date = calendar_grains.date_day
    group by calendar_grains.grain, calendar_grains.starts_on

),

measured as (

    select
        last_as_ofs.grain,
        last_as_ofs.starts_on,
        as_ofs.households_at_risk,
        as_ofs.revenue_at_risk
    from last_as_ofs
    inner join as_ofs on last_as_ofs.as_of_date = as_ofs.as_of_date

),

final as (

    {{ kpi_rows('measured', {
        'households_at_risk': ['households_at_risk'],
        'revenue_at_risk': ['revenue_at_risk'],
    }) }}

)

select * from final
