with

features as (

    select * from {{ ref('int_household_features') }}

),

outcomes as (

    select * from {{ ref('int_household_outcomes') }}

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
