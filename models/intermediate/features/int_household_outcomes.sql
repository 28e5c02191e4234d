with

snapshots as (

    select * from {{ ref('int_household_snapshots') }}
    where
        is_weekly
        and {{ only_new('as_of_date', settles_after_days=var('household_horizon_days')) }}

),

days as (

    select * from {{ ref('int_household_days') }}

),

outcomes as (

    {{ future_target(
        snapshots='snapshots', events='days', entity='household_id', as_of='as_of_date', event_time='trading_date',
        horizon=var('household_horizon_days'), through='(select max(trading_date) from days)',
        sums={'spend_28d': 'sales_value'}, no_event='lapsed'
    ) | indent(4) }}

)

select * from outcomes
