with

lines as (

    select * from {{ ref('int_receipt_lines') }}
    where
        reject_reason is null
        and {{ only_new('trading_date') }}

),

final as (

    select
        basket_id,
        product_id,
        household_id,
        store_id,
        transacted_at,
        trading_date,
        week_start_date,
        units,
        volume,
        sales_value,
        shelf_discount,
        coupon_discount,
        coupon_match_discount,
        gross_value,
        cast(sales_value - coupon_discount as decimal(12, 2)) as customer_paid,
        is_on_display,
        is_in_mailer,
        is_promoted,
        is_private_label,
        department,
        product_category
    from lines

)

select * from final
