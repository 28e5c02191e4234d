with

predictions as (

    select * from {{ ref('fct_household_spend_predictions') }}

),

calendar_grains as (

    select * from {{ ref('int_calendar_grains') }}

),

as_ofs as (

    select
        as_of_date,
        sum(prediction) as expected_revenue
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
        as_ofs.expected_revenue
    from last_as_ofs
    inner join as_ofs on last_as_ofs.as_of_date = as_ofs.as_of_date

),

final as (

    {{ kpi_rows('measured', {
        'expected_revenue_28_days': ['expected_revenue'],
    }) }}

)

select * from final
