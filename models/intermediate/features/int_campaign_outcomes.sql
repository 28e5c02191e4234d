with

mailings as (

    select * from {{ ref('fct_campaign_mailings') }}

),

redemptions as (

    select * from {{ ref('fct_coupon_redemptions') }}

),

days as (

    select * from {{ ref('int_household_days') }}

),

outcomes as (

    {{ future_target(
        snapshots='mailings', events='redemptions', entity=['campaign_id', 'household_id'], as_of='mailed_on',
        event_time='redeemed_on', horizon=var('redemption_horizon_days'),
        through='(select max(trading_date) from days)', any_event='has_redeemed'
    ) | indent(4) }}

)

select * from outcomes
