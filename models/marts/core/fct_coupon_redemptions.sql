with

redemptions as (

    select * from {{ ref('stg_journey__coupon_redemptions') }}
    where reject_reason is null

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

campaign_coupons as (

    select * from {{ ref('int_campaign_coupons') }}

),

-- A coupon may belong to several campaigns: only coupon and campaign together name what was promised.
final as (

    select
        redemptions.household_id,
        redemptions.coupon_upc,
        redemptions.campaign_id,
        redemptions.redeemed_on,
        campaigns.campaign_type,
        coalesce(campaign_coupons.coupon_products, 0) as coupon_products
    from redemptions
    left join campaigns on redemptions.campaign_id = campaigns.campaign_id
    left join campaign_coupons
        on
            redemptions.coupon_upc = campaign_coupons.coupon_upc
            and redemptions.campaign_id = campaign_coupons.campaign_id

)

select * from final
