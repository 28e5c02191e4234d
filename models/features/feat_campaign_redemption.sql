with

outcomes as (

    select * from {{ ref('int_campaign_outcomes') }}

),

households as (

    select * from {{ ref('int_household_features') }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

purchases as (

    select * from {{ ref('int_campaign_purchases') }}

),

histories as (

    select * from {{ ref('int_campaign_histories') }}

),

campaign_redemption as (

    select
        outcomes.campaign_id,
        households.*,
        campaigns.campaign_type,
        campaigns.duration_days,
        campaigns.mailed_households,
        campaigns.coupons,
        campaigns.coupon_products,
        coalesce(purchases.coupon_products_bought, 0) as coupon_products_bought,
        coalesce(purchases.coupon_products_value, 0) as coupon_products_value,
        purchases.coupon_products_share,
        histories.earlier_mailings,
        histories.earlier_redemptions,
        histories.earlier_redeemed_campaigns,
        histories.earlier_redemption_rate,
        outcomes.has_redeemed
    from outcomes
    inner join campaigns
        on
            outcomes.campaign_id = campaigns.campaign_id
            -- Leaves out the campaigns that start with too little history: they have no household features.
    inner join households
        on
            outcomes.household_id = households.household_id
            and outcomes.mailed_on = households.as_of_date
    inner join histories
        on
            outcomes.campaign_id = histories.campaign_id
            and outcomes.household_id = histories.household_id
    left join purchases
        on
            outcomes.campaign_id = purchases.campaign_id
            and outcomes.household_id = purchases.household_id

)

select * from campaign_redemption
