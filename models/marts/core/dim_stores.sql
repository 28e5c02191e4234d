with

baskets as (

    select * from {{ ref('fct_baskets') }}

),

promoted_sales as (

    select * from {{ ref('int_promoted_sales') }}

),

trading as (

    select
        store_id,
        min(trading_date) as first_trading_date,
        max(trading_date) as last_trading_date,
        count(*) as baskets,
        cast(sum(sales_value) as decimal(12, 2)) as revenue
    from baskets
    group by store_id

),

promoting as (

    select distinct store_id from promoted_sales

),

final as (

    select
        trading.store_id,
        trading.first_trading_date,
        trading.last_trading_date,
        trading.baskets,
        trading.revenue,
        promoting.store_id is not null as has_promotion_data
    from trading
    left join promoting on trading.store_id = promoting.store_id

)

select * from final
