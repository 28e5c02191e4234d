with

scores as (

    select * from {{ ref('stg_ml__campaign_redemption') }}

),

champions as (

    select * from {{ ref('int_champions') }}

),

runs as (

    select * from {{ ref('stg_ml__runs') }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

outcomes as (

    select * from {{ ref('int_campaign_outcomes') }}

),

current_scores as (

    {{ champion_rows('scores', 'champions', ['campaign_id', 'household_id', 'as_of_date']) | indent(4) }}

),

predictions as (

    select
        current_scores.campaign_id,
        current_scores.household_id,
        current_scores.as_of_date,
        campaigns.campaign_type,
        campaigns.ended_on,
        current_scores.prediction,
        current_scores.predicted_class,
        {{ is_within_capacity(
            'current_scores.prediction',
            'runs.decision_capacity',
            ['current_scores.campaign_id', 'current_scores.household_id'],
            'current_scores.as_of_date'
        ) | indent(8) }} as is_within_capacity,
        outcomes.has_redeemed,
        current_scores.reasons,
        current_scores.run_id,
        current_scores.is_champion,
        current_scores.scored_at
    from current_scores
    left join runs
        on current_scores.run_id = runs.run_id
    left join campaigns
        on current_scores.campaign_id = campaigns.campaign_id
    left join outcomes
        on
            current_scores.campaign_id = outcomes.campaign_id
            and current_scores.household_id = outcomes.household_id

)

select * from predictions
