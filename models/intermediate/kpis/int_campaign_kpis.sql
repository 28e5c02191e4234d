with

campaign_mailings as (

    select * from {{ ref('fct_campaign_mailings') }}

),

calendar_grains as (

    select * from {{ ref('int_calendar_grains') }}

),

measured as (

    select
        calendar_grains.grain,
        calendar_grains.starts_on,
        count(*) as mailings,
        count(distinct campaign_mailings.household_id) as mailed_households,
        sum(case when campaign_mailings.has_redeemed then 1 else 0 end) as responding_mailings
    from campaign_mailings
    inner join calendar_grains on campaign_mailings.mailed_on = calendar_grains.date_day
    group by calendar_grains.grain, calendar_grains.starts_on

),

final as (

    {{ kpi_rows('measured', {
        'campaign_reach': ['mailed_households'],
        'coupon_redemption_rate': ['responding_mailings', 'mailings'],
    }) }}

)

select * from final
