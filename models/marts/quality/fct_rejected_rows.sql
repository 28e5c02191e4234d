{%- set keys = {
    'transactions': ['basket_id', 'product_id'],
    'products': ['product_id'],
    'demographics': ['household_id'],
    'campaign_descriptions': ['campaign_id'],
    'campaigns': ['campaign_id', 'household_id'],
    'coupons': ['coupon_upc', 'product_id', 'campaign_id'],
    'coupon_redemptions': ['household_id', 'coupon_upc', 'campaign_id', 'redeemed_on'],
    'promotions': ['product_id', 'store_id', 'week_number'],
} -%}
with

{% for source_name in keys -%}
{{ source_name }} as (

    select * from {{ ref('stg_journey__' ~ source_name) }}
    where reject_reason is not null

),

{% endfor -%}
rejected as (

    {% for source_name, columns in keys.items() -%}
    select
        '{{ source_name }}' as source_name,
        reject_reason as reason,
        concat_ws('|', {{ columns | join(', ') }}) as row_key,
        {{ row_as_json(source_name) }} as row_json
    from {{ source_name }}
    {%- if not loop.last %}

    union all

    {% endif %}
    {%- endfor %}

),

final as (

    select
        source_name,
        row_number() over (partition by source_name order by row_key, row_json) as rejection_number,
        reason,
        row_key,
        row_json
    from rejected

)

select * from final
