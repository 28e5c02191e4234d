with

source as (

    select * from {{ source('ml', 'source_health') }}

),

renamed as (

    select
        -- strings
        source_name,
        table_name,
        check_name as source_check,
        message as check_message,

        -- numbers
        value as measured_value,
        lower as lower_bound,
        upper as upper_bound,

        -- booleans
        is_bad,

        -- dates
        checked_at
    from source

)

select * from renamed
