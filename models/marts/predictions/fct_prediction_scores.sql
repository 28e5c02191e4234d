with

lapse as (

    select * from {{ ref('stg_ml__household_lapse') }}

),

spend as (

    select * from {{ ref('stg_ml__household_spend') }}

),

redemption as (

    select * from {{ ref('stg_ml__campaign_redemption') }}

),

demand as (

    select * from {{ ref('stg_ml__category_demand') }}

),

champions as (

    select * from {{ ref('int_champions') }}

),

scores as (

    select
        'household_lapse' as prediction_name,
        cast(household_id as varchar) as entity_key,
        as_of_date,
        run_id,
        scored_at,
        prediction
    from lapse

    union all

    select
        'household_spend' as prediction_name,
        cast(household_id as varchar) as entity_key,
        as_of_date,
        run_id,
        scored_at,
        prediction
    from spend

    union all

    select
        'campaign_redemption' as prediction_name,
        {{ dbt.concat(['cast(campaign_id as varchar)', "'/'", 'cast(household_id as varchar)']) }} as entity_key,
        as_of_date,
        run_id,
        scored_at,
        prediction
    from redemption

    union all

    select
        'category_demand' as prediction_name,
        product_category as entity_key,
        as_of_date,
        run_id,
        scored_at,
        prediction
    from demand

),

prediction_scores as (

    select
        scores.*,
        coalesce(champions.is_champion, false) as is_champion
    from scores
    left join champions
        on scores.run_id = champions.run_id

)

select * from prediction_scores
