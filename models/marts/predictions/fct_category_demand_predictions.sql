with

scores as (

    select * from {{ ref('stg_ml__category_demand') }}

),

champions as (

    select * from {{ ref('int_champions') }}

),

history as (

    select * from {{ ref('int_category_history') }}

),

current_scores as (

    {{ champion_rows('scores', 'champions', ['product_category', 'as_of_date']) | indent(4) }}

),

predictions as (

    select
        current_scores.product_category,
        current_scores.as_of_date,
        history.department,
        current_scores.prediction,
        current_scores.prediction_lower,
        current_scores.prediction_upper,
        history.units_1w_ago,
        cast(history.units_4w as double) / 4 as units_mean_4w,
        history.promoted_product_stores as planned_product_stores,
        case when history.is_closed then history.units end as units_next_week,
        current_scores.reasons,
        current_scores.run_id,
        current_scores.is_champion,
        current_scores.scored_at
    from current_scores
    left join history
        on
            current_scores.product_category = history.product_category
            and current_scores.as_of_date = history.week_start_date

)

select * from predictions
