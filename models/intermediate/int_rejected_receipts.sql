with

transactions as (

    select * from {{ ref('stg_journey__transactions') }}

),

products as (

    select * from {{ ref('stg_journey__products') }}

),

demographics as (

    select * from {{ ref('stg_journey__demographics') }}

),

promotions as (

    select * from {{ ref('stg_journey__promotions') }}

),

rejected as (

    {{ rejected_rows('transactions', 'transactions', ['basket_id', 'product_id']) }}

    union all

    {{ rejected_rows('products', 'products', ['product_id']) }}

    union all

    {{ rejected_rows('demographics', 'demographics', ['household_id']) }}

    union all

    {{ rejected_rows('promotions', 'promotions', ['product_id', 'store_id', 'week_number']) }}

)

select * from rejected
