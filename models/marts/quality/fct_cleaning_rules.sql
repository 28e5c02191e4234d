with

transactions as (

    select * from {{ ref('int_receipt_lines') }}

),

product_rows as (

    select * from {{ ref('stg_journey__products') }}

),

departments as (

    select * from {{ ref('department_map') }}

),

catalogue as (

    select * from {{ ref('dim_products') }}

),

campaign_rows as (

    select * from {{ ref('stg_journey__campaign_descriptions') }}

),

dated_campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

coupon_rows as (

    select * from {{ ref('stg_journey__coupons') }}

),

{% for source_name in ['demographics', 'campaigns', 'coupon_redemptions', 'promotions'] -%}
{{ source_name }} as (

    select * from {{ ref('stg_journey__' ~ source_name) }}

),

{% endfor -%}
products as (

    select
        product_rows.*,
        departments.department
    from product_rows
    left join departments on product_rows.source_department = departments.source_department

),

campaign_descriptions as (

    select
        campaign_rows.*,
        dated_campaigns.begins_before_data,
        dated_campaigns.ends_after_data
    from campaign_rows
    left join dated_campaigns on campaign_rows.campaign_id = dated_campaigns.campaign_id

),

coupons as (

    select
        coupon_rows.*,
        catalogue.is_in_catalogue
    from coupon_rows
    left join catalogue on coupon_rows.product_id = catalogue.product_id

),

final as (

    {% for source_name in [
        'transactions', 'products', 'demographics', 'campaigns',
        'campaign_descriptions', 'coupons', 'coupon_redemptions', 'promotions',
    ] -%}
    {{ count_cleaning_rules(source_name, source_name) }}
    {%- if not loop.last %}

    union all
    {% endif %}
    {%- endfor %}

)

select * from final
