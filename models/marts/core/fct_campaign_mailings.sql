with

mailings as (

    select * from {{ ref('stg_journey__campaigns') }}
    where reject_reason is null

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

redemptions as (

    select * from {{ ref('fct_coupon_redemptions') }}

),

redeemed as (

    select
        campaign_id,
        household_id,
        count(*) as redemptions,
        min(redeemed_on) as first_redeemed_on
    from redemptions
    group by campaign_id, household_id

),

final as (

    select
        mailings.campaign_id,
        mailings.household_id,
        campaigns.campaign_type,
        campaigns.started_on as mailed_on,
        campaigns.ended_on,
        redeemed.household_id is not null as has_redeemed,
        coalesce(redeemed.redemptions, 0) as redemptions,
        redeemed.first_redeemed_on
    from mailings
    left join campaigns on mailings.campaign_id = campaigns.campaign_id
    left join redeemed
        on
            mailings.campaign_id = redeemed.campaign_id
            and mailings.household_id = redeemed.household_id
    -- Mailings have no clock of their own: they are known when their campaign is.
    where {{ known_as_of('campaigns.started_on', ahead_days=1) }}

)

select * from final
