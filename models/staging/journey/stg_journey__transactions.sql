with

source as (

    select * from {{ source('journey', 'transactions') }}

),

renamed as (

    select
        basket_id,
        product_id,
        household_id,
        store_id,
        quantity,
        cast(sales_value as decimal(12, 2)) as sales_value,
        cast(retail_disc as decimal(12, 2)) as shelf_discount,
        cast(coupon_disc as decimal(12, 2)) as coupon_discount,
        cast(coupon_match_disc as decimal(12, 2)) as coupon_match_discount,
        week as source_week_number,
        (
            sales_value <> cast(cast(sales_value as decimal(12, 2)) as double)
            or retail_disc <> cast(cast(retail_disc as decimal(12, 2)) as double)
        ) as has_float_dust,
        transaction_timestamp as transacted_at_utc
    from source

),

judged as (

    select
        *,
        {{ reject_reason('transactions') }} as reject_reason
    from renamed

)

select * from judged
