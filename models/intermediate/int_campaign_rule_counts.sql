with

campaigns as (

    select * from {{ ref('stg_journey__campaigns') }}

),

descriptions as (

    select * from {{ ref('stg_journey__campaign_descriptions') }}

),

coupon_rows as (

    select * from {{ ref('stg_journey__coupons') }}

),

coupon_redemptions as (

    select * from {{ ref('stg_journey__coupon_redemptions') }}

),

products as (

    select * from {{ ref('int_products') }}

),

household_days as (

    select * from {{ ref('int_household_days') }}

),

data_span as (

    select
        min(trading_date) as data_from,
        max(trading_date) as data_through
    from household_days

),

campaign_descriptions as (

    select
        descriptions.*,
        descriptions.started_on < data_span.data_from as begins_before_data,
        descriptions.ended_on > data_span.data_through as ends_after_data
    from descriptions
    cross join data_span

),

coupons as (

    select
        coupon_rows.*,
        coalesce(products.is_in_catalogue, false) as is_in_catalogue
    from coupon_rows
    left join products on coupon_rows.product_id = products.product_id

),

counted as (

    {{ count_cleaning_rules('campaigns', 'campaigns') }}

    union all

    {{ count_cleaning_rules('campaign_descriptions', 'campaign_descriptions') }}

    union all

    {{ count_cleaning_rules('coupons', 'coupons') }}

    union all

    {{ count_cleaning_rules('coupon_redemptions', 'coupon_redemptions') }}

)

select * from counted
