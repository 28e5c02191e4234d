with

source as (

    select * from {{ source('ml', 'slices') }}

),

renamed as (

    select
        -- ids
        run_id,

        -- strings
        slice_column,
        slice_kind,
        slice_level,
        metric,

        -- numbers
        value as metric_value,
        lower as metric_lower,
        upper as metric_upper,
        rows as row_count,
        entities as entity_count
    from source

)

select * from renamed
