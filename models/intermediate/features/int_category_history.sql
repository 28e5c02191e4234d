with

weeks as (

    select * from {{ ref('int_category_grid') }}

),

history as (

    select
        *,
        lag(units, 1) over category_weeks as units_1w_ago,
        lag(units, 2) over category_weeks as units_2w_ago,
        lag(units, 3) over category_weeks as units_3w_ago,
        lag(units, 4) over category_weeks as units_4w_ago,
        cast(sum(units) over last_4_weeks as bigint) as units_4w,
        cast(sum(units) over last_12_weeks as bigint) as units_12w,
        stddev_samp(units) over last_12_weeks as units_deviation_12w,
        max(units) over last_12_weeks as highest_units_12w,
        cast(sum(units) over active_weeks as bigint) as units_while_active,
        lag(baskets) over category_weeks as baskets_1w_ago,
        {{ ratio('lag(sales_value) over category_weeks', 'lag(units) over category_weeks') }} as price_1w_ago,
        {{ ratio('sum(sales_value) over last_12_weeks', 'sum(units) over last_12_weeks') }} as price_12w,
        {{ ratio('lag(shelf_discount) over category_weeks', 'lag(gross_value) over category_weeks') }}
            as shelf_discount_rate_1w_ago,
        {{ ratio('sum(shelf_discount) over last_12_weeks', 'sum(gross_value) over last_12_weeks') }}
            as shelf_discount_rate_12w,
        lag(promoted_product_stores) over category_weeks as promoted_product_stores_1w_ago,
        lag(display_product_stores) over category_weeks as display_product_stores_1w_ago,
        lag(mailer_product_stores) over category_weeks as mailer_product_stores_1w_ago,
        avg(promoted_product_stores) over last_4_weeks as promoted_product_stores_4w,
        lag(holidays) over category_weeks as holidays_last_week
    from weeks
    -- Every frame ends with the week before the as-of.
    window
        category_weeks as (partition by product_category order by week_start_date),
        last_4_weeks as (
            partition by product_category order by week_start_date rows between 4 preceding and 1 preceding
        ),
        last_12_weeks as (
            partition by product_category order by week_start_date rows between 12 preceding and 1 preceding
        ),
        active_weeks as (
            partition by product_category order by week_start_date
            rows between {{ var('active_days') // 7 }} preceding and 1 preceding
        )

)

select * from history
