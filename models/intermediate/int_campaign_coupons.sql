with

coupons as (

    select * from {{ ref('stg_journey__coupons') }}
    where reject_reason is null

),

campaign_coupons as (

    select
        campaign_id,
        coupon_upc,
        count(*) as coupon_products
    from coupons
    group by campaign_id, coupon_upc

)

select * from campaign_coupons
