with

scores as (

    select * from {{ ref('stg_ml__household_lapse') }}

),

champions as (

    select * from {{ ref('int_champions') }}

),

windows as (

    select * from {{ ref('int_household_windows') }}

),

outcomes as (

    select * from {{ ref('int_household_outcomes') }}

),

risk_bands as (

    select * from {{ ref('risk_bands') }}

),

current_scores as (

    {{ champion_rows('scores', 'champions', ['household_id', 'as_of_date']) | indent(4) }}

),

at_risk as (

    select from_probability from risk_bands
    where band = '{{ var("at_risk_band") }}'

),

worth as (

    select
        household_id,
        as_of_date,
        days_since_last_basket,
        -- The mean over three times the horizon: what the household spends when nothing is wrong.
        cast(sales_value_84d * {{ var('household_horizon_days') }} / 84 as decimal(12, 2)) as usual_spend
    from windows

),

predictions as (

    select
        current_scores.household_id,
        current_scores.as_of_date,
        current_scores.prediction,
        current_scores.predicted_class,
        risk_bands.band as risk_band,
        risk_bands.advice,
        current_scores.prediction >= at_risk.from_probability as is_at_risk,
        worth.days_since_last_basket,
        worth.usual_spend,
        cast(current_scores.prediction * worth.usual_spend as decimal(12, 2)) as expected_loss,
        outcomes.lapsed,
        current_scores.reasons,
        current_scores.run_id,
        current_scores.is_champion,
        current_scores.scored_at
    from current_scores
    cross join at_risk
    left join worth
        on
            current_scores.household_id = worth.household_id
            and current_scores.as_of_date = worth.as_of_date
    left join outcomes
        on
            current_scores.household_id = outcomes.household_id
            and current_scores.as_of_date = outcomes.as_of_date
    left join risk_bands
        on
            current_scores.prediction >= risk_bands.from_probability
            and (current_scores.prediction < risk_bands.to_probability or risk_bands.to_probability is null)

)

select * from predictions
