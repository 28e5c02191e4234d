with

households as (

    select * from {{ ref('int_household_outcomes') }}

),

campaigns as (

    select * from {{ ref('int_campaign_outcomes') }}

),

categories as (

    select * from {{ ref('int_category_history') }}

),

outcomes as (

    select
        'household_lapse' as prediction_name,
        cast(household_id as varchar) as entity_key,
        as_of_date,
        cast(lapsed as integer) as actual
    from households

    union all

    select
        'household_spend' as prediction_name,
        cast(household_id as varchar) as entity_key,
        as_of_date,
        spend_28d as actual
    from households

    union all

    select
        'campaign_redemption' as prediction_name,
        {{ dbt.concat(['cast(campaign_id as varchar)', "'/'", 'cast(household_id as varchar)']) }} as entity_key,
        mailed_on as as_of_date,
        cast(has_redeemed as integer) as actual
    from campaigns

    union all

    select
        'category_demand' as prediction_name,
        product_category as entity_key,
        week_start_date as as_of_date,
        case when is_closed then units end as actual
    from categories

),

typed as (

    select
        prediction_name,
        entity_key,
        as_of_date,
        cast(actual as double) as actual
    from outcomes
    where actual is not null

)

select * from typed
