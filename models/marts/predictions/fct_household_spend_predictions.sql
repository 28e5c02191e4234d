with

scores as (

    select * from {{ ref('stg_ml__household_spend') }}

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

current_scores as (

    {{ champion_rows('scores', 'champions', ['household_id', 'as_of_date']) | indent(4) }}

),

predictions as (

    select
        current_scores.household_id,
        current_scores.as_of_date,
        current_scores.prediction,
        current_scores.prediction_lower,
        current_scores.prediction_upper,
        cast(windows.sales_value_28d as decimal(12, 2)) as past_spend_28d,
        cast(outcomes.spend_28d as decimal(12, 2)) as spend_28d,
        current_scores.reasons,
        current_scores.run_id,
        current_scores.is_champion,
        current_scores.scored_at
    from current_scores
    left join windows
        on
            current_scores.household_id = windows.household_id
            and current_scores.as_of_date = windows.as_of_date
    left join outcomes
        on
            current_scores.household_id = outcomes.household_id
            and current_scores.as_of_date = outcomes.as_of_date

)

select * from predictions
