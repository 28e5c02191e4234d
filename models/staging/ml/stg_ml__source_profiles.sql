with

source as (

    select * from {{ source('ml', 'source_profiles') }}

),

renamed as (

    select
        -- strings
        source_name,
        table_name,
        column_name,
        column_type,
        min_value,
        max_value,
        quantiles,
        top_values,

        -- numbers
        rows as row_count,
        nulls,
        distinct_values,

        -- dates
        profiled_at
    from source

)

select * from renamed
