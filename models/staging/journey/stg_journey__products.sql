with

source as (

    select * from {{ source('journey', 'products') }}

),

renamed as (

    select
        product_id,
        manufacturer_id,
        trim(department) as source_department,
        trim(product_category) as product_category,
        trim(product_type) as product_type,
        brand,
        package_size,
        brand = 'Private' as is_private_label,
        row_number() over (partition by product_id order by manufacturer_id, department) as occurrence
    from source

),

judged as (

    select
        *,
        {{ reject_reason('products') }} as reject_reason
    from renamed

)

select * from judged
