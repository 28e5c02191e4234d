with

predictions as (

    select * from {{ ref('fct_campaign_redemption_predictions') }}

),

calendar_grains as (

    select * from {{ ref('int_calendar_grains') }}

),

measured as (

    select
        calendar_grains.grain,
        calendar_grains.starts_on,
        sum(predictions.prediction) as expected_redemptions
    from predictions
    inner join calendar_grains on predictions.as_of_date = calendar_grains.date_day
    group by calendar_grains.grain, calendar_grains.starts_on

),

final as (

    {{ kpi_rows('measured', {'expected_redemptions': ['expected_redemptions']}) }}

)

select * from final
