{%- set amounts = {
    'sales_value': 'sales_value',
    'retail_disc': 'shelf_discount',
    'coupon_disc': 'coupon_discount',
    'coupon_match_disc': 'coupon_match_discount',
} -%}
with

source as (

    select * from {{ source('journey', 'transactions') }}
    where {{ known_as_of('transaction_timestamp', in_utc=true) }}

),

renamed as (

    select
        basket_id,
        product_id,
        household_id,
        store_id,
        quantity,
        {% for amount, name in amounts.items() -%}
        cast({{ amount }} as decimal(12, 2)) as {{ name }},
        {% endfor -%}
        week as source_week_number,
        false
        {%- for amount in amounts %}
        or {{ amount }} <> cast(cast({{ amount }} as decimal(12, 2)) as double)
        {%- endfor %} as has_float_dust,
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
