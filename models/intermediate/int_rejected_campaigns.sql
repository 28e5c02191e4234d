with

campaigns as (

    select * from {{ ref('stg_journey__campaigns') }}

),

campaign_descriptions as (

    select * from {{ ref('stg_journey__campaign_descriptions') }}

),

coupons as (

    select * from {{ ref('stg_journey__coupons') }}

),

coupon_redemptions as (

    select * from {{ ref('stg_journey__coupon_redemptions') }}

),

rejected as (

    {{ rejected_rows('campaigns', 'campaigns', ['campaign_id', 'household_id']) }}

    union all

    {{ rejected_rows('campaign_descriptions', 'campaign_descriptions', ['campaign_id']) }}

    union all

    {{ rejected_rows('coupons', 'coupons', ['coupon_upc', 'product_id', 'campaign_id']) }}

    union all

    {{ rejected_rows(
        'coupon_redemptions', 'coupon_redemptions', ['household_id', 'coupon_upc', 'campaign_id', 'redeemed_on']
    ) }}

)

select * from rejected
