with

scores as (

    select * from {{ ref('fct_prediction_scores') }}

),

outcomes as (

    select * from {{ ref('int_prediction_outcomes') }}

),

promotions as (

    select * from {{ ref('stg_ml__promotions') }}

),

first_promotions as (

    select
        run_id,
        min(promoted_at) as promoted_at
    from promotions
    group by run_id

),

-- As it was first made: scoring a row again later changes nothing of what was acted on.
first_scores as (

    select
        *,
        row_number() over (
            partition by prediction_name, entity_key, as_of_date, run_id
            order by scored_at
        ) as scoring
    from scores

),

prediction_outcomes as (

    select
        first_scores.prediction_name,
        first_scores.entity_key,
        first_scores.as_of_date,
        first_scores.run_id,
        first_scores.scored_at,
        coalesce(first_promotions.promoted_at <= first_scores.scored_at, false) as scored_as_champion,
        first_scores.prediction,
        outcomes.actual is not null as is_ripe,
        outcomes.actual,
        outcomes.actual - first_scores.prediction as prediction_error
    from first_scores
    left join outcomes
        on
            first_scores.prediction_name = outcomes.prediction_name
            and first_scores.entity_key = outcomes.entity_key
            and first_scores.as_of_date = outcomes.as_of_date
    left join first_promotions
        on first_scores.run_id = first_promotions.run_id
    where first_scores.scoring = 1

)

select * from prediction_outcomes
