-- Finds: a difference between the revenue of all households, of all stores and of all baskets.
-- Why: reports start from any of the three; a lost household or store would make them disagree.
-- What to do: look for a null key in fct_baskets, then at the joins of the dimension that is off.
with

households as (

    select sum(revenue) as revenue from {{ ref('dim_households') }}

),

stores as (

    select sum(revenue) as revenue from {{ ref('dim_stores') }}

),

baskets as (

    select sum(sales_value) as revenue from {{ ref('fct_baskets') }}

),

compared as (

    select
        households.revenue as household_revenue,
        stores.revenue as store_revenue,
        baskets.revenue as basket_revenue
    from households
    cross join stores
    cross join baskets

)

select * from compared
where household_revenue <> basket_revenue or store_revenue <> basket_revenue
