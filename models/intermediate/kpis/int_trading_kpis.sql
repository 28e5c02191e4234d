with

baskets as (

    select * from {{ ref('fct_baskets') }}

),

calendar_grains as (

    select * from {{ ref('int_calendar_grains') }}

),

measured as (

    -- Households are counted anew at each grain: a month's households are not the sum of its weeks'.
    select
        calendar_grains.grain,
        calendar_grains.starts_on,
        count(*) as baskets,
        count(distinct baskets.household_id) as households,
        sum(baskets.units) as units,
        sum(baskets.sales_value) as revenue,
        sum(baskets.gross_value) as gross_value,
        sum(baskets.shelf_discount) as shelf_discount,
        sum(baskets.coupon_discount + baskets.coupon_match_discount) as coupon_discount,
        sum(baskets.private_label_value) as private_label_value,
        sum(baskets.promoted_value) as promoted_value
    from baskets
    inner join calendar_grains on baskets.trading_date = calendar_grains.date_day
    group by calendar_grains.grain, calendar_grains.starts_on

),

final as (

    {{ kpi_rows('measured', {
        'revenue': ['revenue'],
        'baskets': ['baskets'],
        'active_households': ['households'],
        'average_basket_value': ['revenue', 'baskets'],
        'items_per_basket': ['units', 'baskets'],
        'shelf_discount_rate': ['shelf_discount', 'gross_value'],
        'coupon_discount_rate': ['coupon_discount', 'gross_value'],
        'private_label_share': ['private_label_value', 'revenue'],
        'promoted_share': ['promoted_value', 'revenue'],
        'revenue_per_active_household': ['revenue', 'households'],
    }) }}

)

select * from final
