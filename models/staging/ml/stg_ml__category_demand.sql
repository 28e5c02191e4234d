with

source as (

    select * from {{ source('ml', 'category_demand') }}

),

renamed as (

    select
        -- ids
        run_id,

        -- strings
        product_category,
        reasons,

        -- numbers
        prediction,
        lower as prediction_lower,
        upper as prediction_upper,

        -- dates
        as_of_date,
        scored_at
    from source

)

select * from renamed
