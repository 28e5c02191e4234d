-- Who redeems coupons? Redemption rate of mailings by the household's value and income band; groups with few mailings
-- are left out, because their rates are chance.
{% set least_mailings = 100 %}
with

mailings as (

    select * from {{ ref('fct_campaign_mailings') }}

),

households as (

    select * from {{ ref('dim_households') }}

),

answer as (

    select
        households.value_band,
        households.income_band,
        count(distinct households.household_id) as mailed_households,
        count(*) as mailings,
        count(case when mailings.has_redeemed then 1 end) as mailings_redeemed,
        {{ ratio('count(case when mailings.has_redeemed then 1 end)', 'count(*)') }} as redemption_rate,
        {{ ratio('sum(mailings.redemptions)', 'count(case when mailings.has_redeemed then 1 end)') }}
            as coupons_per_redeemed_mailing
    from mailings
    inner join households
        on mailings.household_id = households.household_id
    group by households.value_band, households.income_band
    having count(*) >= {{ least_mailings }}

)

select * from answer
order by redemption_rate desc, value_band asc, income_band asc
