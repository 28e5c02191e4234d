with

spend as (

    select * from {{ ref('fct_household_spend_predictions') }}

),

baskets as (

    select * from {{ ref('fct_baskets') }}

),

days as (

    select
        -- All households together are the one entity.
        1 as retailer,
        trading_date,
        sum(sales_value) as sales_value
    from baskets
    group by trading_date

),

dates as (

    {{ snapshot_dates(
        every=var('as_of_every_days'),
        first="date '" ~ var('first_as_of') ~ "'",
        last='(select cast(max(trading_date) + interval 1 day as date) from days)'
    ) | indent(4) }}

),

as_ofs as (

    select
        1 as retailer,
        as_of_date
    from dates

),

past as (

    {{ window_features(
        snapshots='as_ofs', events='days', entity='retailer', as_of='as_of_date', event_time='trading_date',
        windows=[var('household_horizon_days')], sums=['sales_value']
    ) | indent(4) }}

),

actual as (

    {{ future_target(
        snapshots='as_ofs', events='days', entity='retailer', as_of='as_of_date', event_time='trading_date',
        horizon=var('household_horizon_days'), through='(select max(trading_date) from days)',
        sums={'revenue': 'sales_value'}
    ) | indent(4) }}

),

expected as (

    select
        as_of_date,
        count(*) as scored_households,
        cast(sum(prediction) as decimal(12, 2)) as expected_revenue
    from spend
    group by as_of_date

),

expected_revenue as (

    select
        past.as_of_date,
        cast(past.as_of_date + interval {{ var('household_horizon_days') - 1 }} day as date) as horizon_end_date,
        coalesce(expected.scored_households, 0) as scored_households,
        expected.expected_revenue,
        cast(past.sales_value_{{ var('household_horizon_days') }}d as decimal(12, 2)) as past_revenue,
        cast(actual.revenue as decimal(12, 2)) as actual_revenue,
        actual.is_closed
    from past
    inner join actual
        on past.as_of_date = actual.as_of_date
    left join expected
        on past.as_of_date = expected.as_of_date

)

select * from expected_revenue
