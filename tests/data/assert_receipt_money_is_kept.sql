-- Finds: a total of the receipts' money that differs between the source and the marts by a cent or more.
-- Why: every KPI rests on these sums; rejected lines must carry no money and rounding must not drift.
-- What to do: look at fct_rejected_rows for lines with money, then at the rounding in stg_journey__transactions.
with

source as (

    select * from {{ source('journey', 'transactions') }}

),

items as (

    select * from {{ ref('fct_basket_items') }}

),

source_totals as (

    select
        sum(sales_value) as sales_value,
        sum(retail_disc) as shelf_discount,
        sum(coupon_disc) as coupon_discount,
        sum(coupon_match_disc) as coupon_match_discount
    from source

),

item_totals as (

    select
        sum(sales_value) as sales_value,
        sum(shelf_discount) as shelf_discount,
        sum(coupon_discount) as coupon_discount,
        sum(coupon_match_discount) as coupon_match_discount
    from items

),

differences as (

    select
        abs(source_totals.sales_value - item_totals.sales_value) as sales_value,
        abs(source_totals.shelf_discount - item_totals.shelf_discount) as shelf_discount,
        abs(source_totals.coupon_discount - item_totals.coupon_discount) as coupon_discount,
        abs(source_totals.coupon_match_discount - item_totals.coupon_match_discount) as coupon_match_discount
    from source_totals
    cross join item_totals

)

select * from differences
where greatest(sales_value, shelf_discount, coupon_discount, coupon_match_discount) >= 0.01
