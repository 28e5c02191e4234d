with

history as (

    select * from {{ ref('int_category_history') }}

),

category_demand as (

    select
        product_category,
        week_start_date as as_of_date,
        department,
        units_1w_ago,
        units_2w_ago,
        units_3w_ago,
        units_4w_ago,
        cast(units_4w as double) / 4 as units_mean_4w,
        cast(units_12w as double) / 12 as units_mean_12w,
        {{ ratio('3 * units_4w', 'units_12w') }} as units_trend,
        units_deviation_12w,
        highest_units_12w,
        baskets_1w_ago,
        price_1w_ago,
        price_1w_ago / nullif(price_12w, 0) as price_index,
        shelf_discount_rate_1w_ago,
        shelf_discount_rate_12w,
        promoted_product_stores_1w_ago,
        display_product_stores_1w_ago,
        mailer_product_stores_1w_ago,
        promoted_product_stores as planned_product_stores,
        display_product_stores as planned_display_product_stores,
        mailer_product_stores as planned_mailer_product_stores,
        {{ ratio('promoted_product_stores', 'promoted_product_stores_4w') }} as planned_promotions_trend,
        holidays as holidays_next_week,
        holidays_last_week,
        case when is_closed then units end as units_next_week
    from history
    where
        week_start_date >= date '{{ var("first_as_of") }}'
        and units_while_active > 0

)

select * from category_demand
