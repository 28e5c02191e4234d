with

products as (

    select * from {{ ref('stg_journey__products') }}
    where reject_reason is null

),

transactions as (

    select product_id from {{ ref('stg_journey__transactions') }}
    where reject_reason is null

),

coupons as (

    select product_id from {{ ref('stg_journey__coupons') }}
    where reject_reason is null

),

departments as (

    select * from {{ ref('department_map') }}

),

referenced as (

    select product_id from transactions

    union

    select product_id from coupons

),

-- Products that were sold or promised but are not in the catalogue get a row too, so that no line loses its product.
listed as (

    select
        coalesce(products.product_id, referenced.product_id) as product_id,
        products.manufacturer_id,
        coalesce(products.source_department, '{{ var("unknown_label") }}') as source_department,
        coalesce(products.product_category, '{{ var("unknown_label") }}') as product_category,
        coalesce(products.product_type, '{{ var("unknown_label") }}') as product_type,
        coalesce(products.brand, '{{ var("unknown_label") }}') as brand,
        products.package_size,
        coalesce(products.is_private_label, false) as is_private_label,
        coalesce(
            products.product_type in ('{{ var("volume_product_types") | join("', '") }}'), false
        ) as is_sold_by_volume,
        products.product_id is not null as is_in_catalogue
    from products
    full outer join referenced on products.product_id = referenced.product_id

),

mapped as (

    select
        listed.*,
        case
            when listed.is_sold_by_volume then '{{ var("volume_department") }}'
            else coalesce(departments.department, '{{ var("unknown_label") }}')
        end as department
    from listed
    left join departments on listed.source_department = departments.source_department

)

select * from mapped
