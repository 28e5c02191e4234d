with

baskets as (

    select * from {{ ref('fct_baskets') }}

),

promotions as (

    select * from {{ ref('stg_journey__promotions') }}
    where reject_reason is null

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

    select distinct store_id from promotions

),

final as (

    select
        coalesce(trading.store_id, promoting.store_id) as store_id,
        trading.first_trading_date,
        trading.last_trading_date,
        coalesce(trading.baskets, 0) as baskets,
        coalesce(trading.revenue, 0) as revenue,
        promoting.store_id is not null as has_promotion_data
    from trading
    full outer join promoting on trading.store_id = promoting.store_id

)

select * from final
