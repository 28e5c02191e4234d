with

lines as (

    select * from {{ ref('int_receipt_lines') }}
    where
        reject_reason is null
        and {{ only_new('trading_date') }}

),

household_days as (

    select
        household_id,
        trading_date,
        count(distinct basket_id) as baskets,
        count(distinct case when extract(hour from transacted_at) >= {{ var('evening_from_hour') }} then basket_id end)
            as evening_baskets,
        count(distinct case when coupon_discount > 0 then basket_id end) as coupon_baskets,
        count(distinct store_id) as stores,
        count(distinct department) as departments,
        count(distinct product_category) as product_categories,
        count(case when units > 0 then 1 end) as items,
        cast(sum(units) as bigint) as units,
        cast(sum(sales_value) as decimal(12, 2)) as sales_value,
        cast(sum(gross_value) as decimal(12, 2)) as gross_value,
        cast(sum(shelf_discount) as decimal(12, 2)) as shelf_discount,
        cast(sum(coupon_discount) as decimal(12, 2)) as coupon_discount,
        cast(sum(coupon_match_discount) as decimal(12, 2)) as coupon_match_discount,
        cast(sum(case when is_private_label then sales_value else 0 end) as decimal(12, 2)) as private_label_value,
        cast(sum(case when is_promoted then sales_value else 0 end) as decimal(12, 2)) as promoted_value,
        cast(sum(case when is_sold_by_volume then sales_value else 0 end) as decimal(12, 2)) as fuel_value
    from lines
    group by household_id, trading_date

)

select * from household_days
