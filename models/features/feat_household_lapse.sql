with

features as (

    select * from {{ ref('int_household_features') }}

),

outcomes as (

    select * from {{ ref('int_household_outcomes') }}
    where {{ only_new('as_of_date', settles_after_days=var('household_horizon_days')) }}

),

household_lapse as (

    select
        features.*,
        outcomes.lapsed
    from features
    inner join outcomes
        on
            features.household_id = outcomes.household_id
            and features.as_of_date = outcomes.as_of_date

)

select * from household_lapse
