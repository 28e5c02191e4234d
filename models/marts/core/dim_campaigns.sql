with

campaigns as (

    select * from {{ ref('stg_journey__campaign_descriptions') }}
    where reject_reason is null

),

mailings as (

    select * from {{ ref('stg_journey__campaigns') }}
    where reject_reason is null

),

coupons as (

    select * from {{ ref('stg_journey__coupons') }}
    where reject_reason is null

),

household_days as (

    select * from {{ ref('int_household_days') }}

),

mailed as (

    select
        campaign_id,
        count(*) as mailed_households
    from mailings
    group by campaign_id

),

promised as (

    select
        campaign_id,
        count(distinct coupon_upc) as coupons,
        count(distinct product_id) as coupon_products
    from coupons
    group by campaign_id

),

data_span as (

    select
        min(trading_date) as data_from,
        max(trading_date) as data_through
    from household_days

),

final as (

    select
        campaigns.campaign_id,
        campaigns.campaign_type,
        campaigns.started_on,
        campaigns.ended_on,
        {{ dbt.datediff('campaigns.started_on', 'campaigns.ended_on', 'day') }} + 1 as duration_days,
        coalesce(mailed.mailed_households, 0) as mailed_households,
        coalesce(promised.coupons, 0) as coupons,
        coalesce(promised.coupon_products, 0) as coupon_products,
        campaigns.started_on < data_span.data_from as begins_before_data,
        campaigns.ended_on > data_span.data_through as ends_after_data
    from campaigns
    cross join data_span
    left join mailed on campaigns.campaign_id = mailed.campaign_id
    left join promised on campaigns.campaign_id = promised.campaign_id

)

select * from final
