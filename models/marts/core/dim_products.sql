with

products as (

    select * from {{ ref('int_products') }}

),

final as (

    select
        product_id,
        department,
        source_department,
        product_category,
        product_type,
        brand,
        is_private_label,
        manufacturer_id,
        package_size,
        is_sold_by_volume,
        is_in_catalogue
    from products

)

select * from final
