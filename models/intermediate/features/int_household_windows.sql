with

snapshots as (

    select * from {{ ref('int_household_snapshots') }}
    where {{ only_new('as_of_date') }}

),

household_days as (

    select * from {{ ref('int_household_days') }}

),

calendar as (

    select * from {{ ref('dim_calendar') }}

),

items as (

    select * from {{ ref('fct_basket_items') }}

),

days as (

    select
        household_days.*,
        calendar.is_weekend
    from household_days
    inner join calendar
        on household_days.trading_date = calendar.date_day

),

shopping as (

    {{ window_features(
        snapshots='snapshots', events='days', entity='household_id', as_of='as_of_date', event_time='trading_date',
        windows=[7, 28, 84],
        counts={
            'shopping_days': '1',
            'baskets': 'baskets',
            'items': 'items',
            'evening_baskets': 'evening_baskets',
            'weekend_baskets': 'case when is_weekend then baskets end',
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

windows as (

    select
        shopping.*,
        breadth.products_28d,
        breadth.departments_28d,
        breadth.stores_28d,
        breadth.products_84d,
        breadth.departments_84d,
        breadth.stores_84d
    from shopping
    inner join breadth
        on
            shopping.household_id = breadth.household_id
            and shopping.as_of_date = breadth.as_of_date

)

select * from windows
