with

mailings as (

    select * from {{ ref('fct_campaign_mailings') }}

),

redemptions as (

    select * from {{ ref('fct_coupon_redemptions') }}

),

redeemed as (

    select
        campaign_id,
        household_id,
        redeemed_on,
        count(*) as redemptions
    from redemptions
    group by campaign_id, household_id, redeemed_on

),

earlier_mailings as (

    select
        mailings.campaign_id,
        mailings.household_id,
        count(earlier.campaign_id) as earlier_mailings
    from mailings
    left join mailings as earlier
        on
            mailings.household_id = earlier.household_id
            and mailings.mailed_on > earlier.mailed_on
    group by mailings.campaign_id, mailings.household_id

),

earlier_redemptions as (

    select
        mailings.campaign_id,
        mailings.household_id,
        coalesce(sum(redeemed.redemptions), 0) as earlier_redemptions,
        count(distinct redeemed.campaign_id) as earlier_redeemed_campaigns
    from mailings
    left join redeemed
        on
            mailings.household_id = redeemed.household_id
            and mailings.mailed_on > redeemed.redeemed_on
    group by mailings.campaign_id, mailings.household_id

),

histories as (

    select
        earlier_mailings.campaign_id,
        earlier_mailings.household_id,
        earlier_mailings.earlier_mailings,
        cast(earlier_redemptions.earlier_redemptions as bigint) as earlier_redemptions,
        earlier_redemptions.earlier_redeemed_campaigns,
        {{ ratio('earlier_redemptions.earlier_redeemed_campaigns', 'earlier_mailings.earlier_mailings') }}
            as earlier_redemption_rate
    from earlier_mailings
    inner join earlier_redemptions
        on
            earlier_mailings.campaign_id = earlier_redemptions.campaign_id
            and earlier_mailings.household_id = earlier_redemptions.household_id

)

select * from histories
