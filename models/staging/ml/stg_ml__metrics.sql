with

source as (

    select * from {{ source('ml', 'metrics') }}

),

renamed as (

    select
        -- ids
        run_id,

        -- strings
        split,
        predictor,
        metric,

        -- numbers
        value as metric_value,
        lower as metric_lower,
        upper as metric_upper,
        rows as row_count
    from source

)

select * from renamed
