with

lines as (

    select * from {{ ref('int_receipt_lines') }}
    where
        reject_reason is null
        and {{ only_new('week_start_date') }}

),

category_weeks as (

    select
        product_category,
        week_start_date,
        count(distinct basket_id) as baskets,
        count(distinct household_id) as households,
        count(distinct store_id) as stores,
        count(distinct product_id) as products,
        cast(sum(units) as bigint) as units,
        cast(sum(case when is_promoted then units else 0 end) as bigint) as promoted_units,
        cast(sum(sales_value) as decimal(12, 2)) as sales_value,
        cast(sum(gross_value) as decimal(12, 2)) as gross_value,
        cast(sum(shelf_discount) as decimal(12, 2)) as shelf_discount,
        cast(sum(coupon_discount) as decimal(12, 2)) as coupon_discount,
        cast(sum(case when is_promoted then sales_value else 0 end) as decimal(12, 2)) as promoted_value
    from lines
    group by product_category, week_start_date

)

select * from category_weeks
