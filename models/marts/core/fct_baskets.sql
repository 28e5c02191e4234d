with

items as (

    select * from {{ ref('fct_basket_items') }}

),

final as (

    select
        basket_id,
        min(household_id) as household_id,
        min(store_id) as store_id,
        min(transacted_at) as transacted_at,
        min(trading_date) as trading_date,
        min(week_start_date) as week_start_date,
        count(case when units > 0 then 1 end) as items,
        cast(sum(units) as bigint) as units,
        cast(sum(sales_value) as decimal(12, 2)) as sales_value,
        cast(sum(shelf_discount) as decimal(12, 2)) as shelf_discount,
        cast(sum(coupon_discount) as decimal(12, 2)) as coupon_discount,
        cast(sum(coupon_match_discount) as decimal(12, 2)) as coupon_match_discount,
        cast(sum(gross_value) as decimal(12, 2)) as gross_value,
        cast(sum(case when is_private_label then sales_value else 0 end) as decimal(12, 2)) as private_label_value,
        cast(sum(case when is_promoted then sales_value else 0 end) as decimal(12, 2)) as promoted_value,
        count(distinct department) as departments,
        sum(coupon_discount) > 0 as has_coupon
    from items
    group by basket_id

)

select * from final
