with

source as (

    select * from {{ source('ml', 'alerts') }}

),

renamed as (

    select
        -- ids
        alert_id,

        -- strings
        event as alert_event,
        kind as alert_kind,
        subject as alert_subject,
        owner as owner_name,
        message as alert_message,
        remedy,

        -- dates
        happened_at
    from source

)

select * from renamed
