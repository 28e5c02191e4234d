-- Finds: a feature on which the engine's fast plan and the plain range join differ, on real receipts.
-- Why: the fast plan is harder to read; the plain one is the definition.
-- What to do: trust default__window_features and mend the fast plan (window_features_duckdb.sql, window_steps.sql,
-- window_extremes.sql).
{% set plan = {
    'entity': ['household_id'],
    'counts': {'items': '1', 'pairs': '2.0'},
    'sums': {'sales_value': 'sales_value'},
    'averages': {'price': 'sales_value'},
    'distincts': {'products': 'product_id', 'stores': 'store_id'},
    'minima': {'cheapest': 'sales_value'},
    'maxima': {'dearest': 'sales_value'},
    'trends': {'trend': 'sales_value'},
    'lasts': {'last_value': 'sales_value', 'items': 'product_id'},
} %}
with

items as (

    select
        household_id,
        transacted_at,
        product_id,
        store_id,
        sales_value
    from {{ ref('fct_basket_items') }}
    where household_id <= 5

),

-- As-ofs at the very moments of receipts are the hard ones.
snapshots as (

    select distinct
        household_id,
        transacted_at as as_of
    from items

),

fast as (

    {{ adapter.dispatch('window_features', 'martlet')(
        'snapshots', 'items', 'as_of', 'transacted_at', [2, 28], plan, 'days_since_last'
    ) | indent(4) }}

),

plain as (

    {{ default__window_features(
        'snapshots', 'items', 'as_of', 'transacted_at', [2, 28], plan, 'days_since_last'
    ) | indent(4) }}

),

compared as (

    select
        fast.household_id,
        fast.as_of
    from fast
    full outer join plain
        on
            fast.household_id = plain.household_id
            and fast.as_of = plain.as_of
            and fast.items_2d = plain.items_2d
            and fast.items_28d = plain.items_28d
            and fast.items is not distinct from plain.items
            and fast.pairs_28d = plain.pairs_28d
            and fast.sales_value_2d = plain.sales_value_2d
            and fast.sales_value_28d = plain.sales_value_28d
            and fast.products_2d = plain.products_2d
            and fast.products_28d = plain.products_28d
            and fast.stores_2d = plain.stores_2d
            and fast.stores_28d = plain.stores_28d
            and coalesce(abs(fast.price_28d - plain.price_28d) < 1e-9, plain.price_28d is null)
            and fast.cheapest_2d is not distinct from plain.cheapest_2d
            and fast.cheapest_28d is not distinct from plain.cheapest_28d
            and fast.dearest_2d is not distinct from plain.dearest_2d
            and fast.dearest_28d is not distinct from plain.dearest_28d
            and coalesce(abs(fast.trend_2d - plain.trend_2d) < 1e-9, fast.trend_2d is null and plain.trend_2d is null)
            and coalesce(
                abs(fast.trend_28d - plain.trend_28d) < 1e-9, fast.trend_28d is null and plain.trend_28d is null
            )
            and fast.last_value is not distinct from plain.last_value
            and fast.days_since_last is not distinct from plain.days_since_last
    where
        fast.household_id is null
        or plain.household_id is null

)

select * from compared
