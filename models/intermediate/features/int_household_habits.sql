with

snapshots as (

    select * from {{ ref('int_household_snapshots') }}
    where {{ only_new('as_of_date') }}

),

days as (

    select * from {{ ref('int_household_days') }}

),

past_year as (

    {{ window_features(
        snapshots='snapshots', events='days', entity='household_id', as_of='as_of_date', event_time='trading_date',
        windows=[364], counts={'shopping_days': '1'}, sums=['sales_value']
    ) | indent(4) }}

),

first_days as (

    select
        household_id,
        min(trading_date) as first_trading_date
    from days
    group by household_id

),

tenures as (

    select
        past_year.*,
        -- A household that first shops later, or never did, is unknown at the as-of.
        case
            when first_days.first_trading_date < past_year.as_of_date
                then {{ dbt.datediff('first_days.first_trading_date', 'past_year.as_of_date', 'day') }}
        end as tenure_days
    from past_year
    left join first_days
        on past_year.household_id = first_days.household_id

),

known as (

    select
        *,
        case when tenure_days > 364 then 364 else tenure_days end as known_days
    from tenures

),

habits as (

    select
        household_id,
        as_of_date,
        tenure_days,
        {{ ratio('28 * shopping_days_364d', 'known_days') }} as usual_shopping_days_28d,
        {{ ratio('28 * sales_value_364d', 'known_days') }} as usual_sales_value_28d
    from known

)

select * from habits
