-- Which campaigns paid? What mailed households spend during the campaign against as many days before, less the same
-- change among the others: what is left over is the campaign's lift. Only households that shop in that time take part.
-- They were chosen for the mailing, not drawn, so the lift is an indication and no proof.
with

campaigns as (

    select * from {{ ref('dim_campaigns') }}
    where not ends_after_data

),

mailings as (

    select * from {{ ref('fct_campaign_mailings') }}

),

baskets as (

    select * from {{ ref('fct_baskets') }}

),

data_days as (

    select min(trading_date) as first_date from baskets

),

spends as (

    select
        campaigns.campaign_id,
        baskets.household_id,
        sum(case when baskets.trading_date < campaigns.started_on then baskets.sales_value else 0 end) as value_before,
        sum(case when baskets.trading_date >= campaigns.started_on then baskets.sales_value else 0 end) as value_during,
        sum(case when baskets.trading_date >= campaigns.started_on then baskets.coupon_discount else 0 end)
            as coupon_discount
    from campaigns
    inner join data_days
        on data_days.first_date <= campaigns.started_on - campaigns.duration_days * interval 1 day
    inner join baskets
        on
            baskets.trading_date >= campaigns.started_on - campaigns.duration_days * interval 1 day
            and campaigns.ended_on >= baskets.trading_date
    group by campaigns.campaign_id, baskets.household_id

),

changes as (

    select
        spends.campaign_id,
        count(mailings.household_id) as mailed_households,
        avg(case when mailings.household_id is not null then spends.value_during - spends.value_before end)
            as change_mailed,
        avg(case when mailings.household_id is null then spends.value_during - spends.value_before end)
            as change_others,
        sum(case when mailings.household_id is not null then spends.coupon_discount else 0 end) as coupon_discount
    from spends
    left join mailings
        on
            spends.campaign_id = mailings.campaign_id
            and spends.household_id = mailings.household_id
    group by spends.campaign_id

),

answer as (

    select
        campaigns.campaign_id,
        campaigns.campaign_type,
        campaigns.started_on,
        changes.mailed_households,
        changes.change_mailed - changes.change_others as lift_per_household,
        (changes.change_mailed - changes.change_others) * changes.mailed_households as lift,
        changes.coupon_discount
    from changes
    inner join campaigns
        on changes.campaign_id = campaigns.campaign_id

)

select * from answer
order by lift desc
