{%- set source_names = [
    'transactions', 'products', 'demographics', 'campaigns',
    'campaign_descriptions', 'coupons', 'coupon_redemptions', 'promotions',
] -%}
with

raw_counts as (

    select * from {{ ref('stg_journey__row_counts') }}

),

rejected_rows as (

    select * from {{ ref('fct_rejected_rows') }}

),

{% for source_name in source_names -%}
{{ source_name }} as (

    select * from {{ ref('stg_journey__' ~ source_name) }}
    where reject_reason is null

),

{% endfor -%}
kept as (

    {% for source_name in source_names -%}
    select
        '{{ source_name }}' as source_name,
        count(*) as kept_rows
    from {{ source_name }}
    {%- if not loop.last %}

    union all

    {% endif %}
    {%- endfor %}

),

rejected as (

    select
        source_name,
        count(*) as rejected_rows
    from rejected_rows
    group by source_name

),

final as (

    select
        raw_counts.source_name,
        raw_counts.raw_rows,
        kept.kept_rows,
        coalesce(rejected.rejected_rows, 0) as rejected_rows
    from raw_counts
    left join kept on raw_counts.source_name = kept.source_name
    left join rejected on raw_counts.source_name = rejected.source_name

)

select * from final
