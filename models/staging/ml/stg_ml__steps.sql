with

source as (

    select * from {{ source('ml', 'steps') }}

),

renamed as (

    select
        -- ids
        invocation_id as martlet_invocation_id,

        -- strings
        command,
        kind as step_kind,
        subject as step_subject,
        status as step_status,

        -- numbers
        step as step_number,
        rows as row_count,
        seconds,
        core_seconds,
        peak_bytes,
        bytes_read,
        bytes_written,

        -- dates
        finished_at
    from source

)

select * from renamed
