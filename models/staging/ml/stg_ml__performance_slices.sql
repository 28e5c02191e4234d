with

source as (

    select * from {{ source('ml', 'performance_slices') }}

),

renamed as (

    select
        -- ids
        run_id,

        -- strings
        prediction as prediction_name,
        slice_column,
        slice_level,
        metric,

        -- numbers
        value as metric_value,
        lower as metric_lower,
        upper as metric_upper,
        predicted_mean,
        actual_mean,
        rows as row_count,

        -- dates
        as_of as as_of_at,
        measured_at
    from source

)

select * from renamed
