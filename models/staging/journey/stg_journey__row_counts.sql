{%- set tables = [
    'transactions', 'products', 'demographics', 'campaigns',
    'campaign_descriptions', 'coupons', 'coupon_redemptions', 'promotions',
] -%}
with

counted as (

    {% for table in tables -%}
    select
        '{{ table }}' as source_name,
        count(*) as raw_rows
    from {{ source('journey', table) }}
    {%- if not loop.last %}

    union all

    {% endif %}
    {%- endfor %}

)

select * from counted
