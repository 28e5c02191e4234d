with

source as (

    select * from {{ source('ml', 'checks') }}

),

renamed as (

    select
        -- ids
        check_id,

        -- strings
        prediction as prediction_name,
        check_name,
        level as finding_level,
        feature,
        message as finding_message,

        -- numbers
        finding,
        value as finding_value,
        threshold as finding_threshold,

        -- dates
        checked_at
    from source

)

select * from renamed
