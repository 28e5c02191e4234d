with

snapshots as (

    select * from {{ ref('int_household_snapshots') }}

),

days as (

    select * from {{ ref('int_household_days') }}

),

items as (

    select * from {{ ref('fct_basket_items') }}

),

redemptions as (

    select * from {{ ref('fct_coupon_redemptions') }}

),

mailings as (

    select * from {{ ref('fct_campaign_mailings') }}

),

shopping as (

    {{ window_features(
        snapshots='snapshots', events='days', entity='household_id', as_of='as_of_date', event_time='trading_date',
        windows=[7, 28, 84],
        counts={
            'baskets': 'baskets',
            'items': 'items',
            'evening_baskets': 'evening_baskets',
            'weekend_baskets': 'case when trading_date >= ' ~ dbt.date_trunc('week', 'trading_date') ~ ' + interval 5 day then baskets end',
        },
        sums=[
            'sales_value', 'gross_value', 'shelf_discount', 'coupon_discount', 'private_label_value', 'promoted_value',
            'fuel_value',
        ],
        recency='days_since_last_basket'
    ) | indent(4) }}

),

breadth as (

    {{ window_features(
        snapshots='snapshots', events='items', entity='household_id', as_of='as_of_date', event_time='trading_date',
        windows=[28, 84],
        distincts={'products': 'product_id', 'departments': 'department', 'stores': 'store_id'}
    ) | indent(4) }}

),

coupons as (

    {{ window_features(
        snapshots='snapshots', events='redemptions', entity='household_id', as_of='as_of_date',
        event_time='redeemed_on', windows=[84], counts={'redemptions': '1'}
    ) | indent(4) }}

),

campaigns as (

    {{ window_features(
        snapshots='snapshots', events='mailings', entity='household_id', as_of='as_of_date',
        event_time='mailed_on', windows=[84], counts={'mailings': '1'}
    ) | indent(4) }}

),

windows as (

    select
        shopping.*,
        breadth.products_28d,
        breadth.departments_28d,
        breadth.stores_28d,
        breadth.products_84d,
        breadth.departments_84d,
        breadth.stores_84d,
        coupons.redemptions_84d,
        campaigns.mailings_84d
    from shopping
    inner join breadth using (household_id, as_of_date)
    inner join coupons using (household_id, as_of_date)
    inner join campaigns using (household_id, as_of_date)

)

select * from windows
