with

mailings as (

    select * from {{ ref('fct_campaign_mailings') }}

),

coupons as (

    select * from {{ ref('stg_journey__coupons') }}
    where reject_reason is null

),

items as (

    select * from {{ ref('fct_basket_items') }}

),

campaign_products as (

    select distinct
        campaign_id,
        product_id
    from coupons

),

bought as (

    select
        mailings.campaign_id,
        mailings.household_id,
        items.product_id,
        sum(items.sales_value) as sales_value
    from mailings
    inner join items
        on
            mailings.household_id = items.household_id
            and mailings.mailed_on > items.trading_date
    group by mailings.campaign_id, mailings.household_id, items.product_id

),

coupon_purchases as (

    select
        bought.campaign_id,
        bought.household_id,
        count(campaign_products.product_id) as coupon_products_bought,
        cast(sum(case when campaign_products.product_id is not null then bought.sales_value else 0 end) as double)
            as coupon_products_value,
        {{ ratio('count(campaign_products.product_id)', 'count(*)') }} as coupon_products_share
    from bought
    left join campaign_products
        on
            bought.campaign_id = campaign_products.campaign_id
            and bought.product_id = campaign_products.product_id
    group by bought.campaign_id, bought.household_id

)

select * from coupon_purchases
