with

trading_kpis as (

    select * from {{ ref('int_trading_kpis') }}

),

household_kpis as (

    select * from {{ ref('int_household_kpis') }}

),

campaign_kpis as (

    select * from {{ ref('int_campaign_kpis') }}

),

risk_kpis as (

    select * from {{ ref('int_risk_kpis') }}

),

expected_revenue_kpis as (

    select * from {{ ref('int_expected_revenue_kpis') }}

),

redemption_kpis as (

    select * from {{ ref('int_redemption_kpis') }}

),

kpis as (

    select * from trading_kpis

    union all

    select * from household_kpis

    union all

    select * from campaign_kpis

    union all

    select * from risk_kpis

    union all

    select * from expected_revenue_kpis

    union all

    select * from redemption_kpis

),

valued as (

    select
        kpi,
        grain,
        starts_on,
        numerator,
        denominator,
        cast(numerator as double) / coalesce(nullif(cast(denominator as double), 0), 1) as kpi_value
    from kpis

),

final as (

    -- A ratio without a base, and a stock that nobody has measured, have no value to report.
    select
        kpi,
        grain,
        starts_on,
        numerator,
        denominator,
        kpi_value
    from valued
    where numerator is not null and (denominator is null or denominator <> 0)

)

select * from final
