with

source as (

    select * from {{ source('ml', 'drift') }}

),

renamed as (

    select
        -- ids
        run_id,

        -- strings
        prediction as prediction_name,
        feature,
        statistic,

        -- numbers
        value as drift_value,
        threshold as drift_threshold,
        p_value,
        rows as row_count,

        -- booleans
        is_alarm,

        -- dates
        as_of as as_of_at,
        measured_at
    from source

)

select * from renamed
