with

redemption as (

    select * from {{ ref('fct_campaign_redemption_predictions') }}

),

households as (

    select * from {{ ref('dim_households') }}

),

ranked as (

    select
        *,
        row_number() over (partition by campaign_id order by prediction desc, household_id asc) as mailing_rank
    from redemption

),

mailing_list as (

    select
        ranked.campaign_id,
        ranked.mailing_rank,
        ranked.household_id,
        ranked.campaign_type,
        ranked.as_of_date as started_on,
        ranked.ended_on,
        ranked.prediction as redemption_probability,
        sum(ranked.prediction) over (
            partition by ranked.campaign_id order by ranked.mailing_rank rows unbounded preceding
        ) as expected_redeemers_so_far,
        households.value_band,
        {{ reason('ranked.reasons', 1) }} as first_reason,
        {{ reason('ranked.reasons', 2) }} as second_reason,
        ranked.has_redeemed,
        ranked.run_id,
        ranked.scored_at
    from ranked
    inner join households
        on ranked.household_id = households.household_id

)

select * from mailing_list
