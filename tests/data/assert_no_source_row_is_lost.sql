-- Finds: a source whose rows, counted in the source itself, are not all kept or rejected.
-- Why: a row that vanishes without a reason makes every number silently too low.
-- What to do: count the source, its staging model and fct_rejected_rows; a join in between drops rows.
{%- set tables = [
    'transactions', 'products', 'demographics', 'campaigns',
    'campaign_descriptions', 'coupons', 'coupon_redemptions', 'promotions',
] %}
with

row_counts as (

    select * from {{ ref('fct_source_row_counts') }}

),

in_sources as (

    {% for table in tables -%}
    select
        '{{ table }}' as source_name,
        count(*) as source_rows
    from {{ source('journey', table) }}
    {%- if not loop.last %}

    union all

    {% endif %}
    {%- endfor %}

),

compared as (

    select
        in_sources.source_name,
        in_sources.source_rows,
        row_counts.raw_rows,
        row_counts.kept_rows,
        row_counts.rejected_rows
    from in_sources
    left join row_counts on in_sources.source_name = row_counts.source_name

)

select * from compared
where
    source_rows is distinct from raw_rows
    or source_rows is distinct from kept_rows + rejected_rows
