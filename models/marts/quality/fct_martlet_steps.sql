with

steps as (

    select * from {{ ref('stg_ml__steps') }}

),

martlet_steps as (

    select
        martlet_invocation_id,
        step_number,
        command,
        step_kind,
        step_subject,
        step_status,
        row_count,
        seconds,
        core_seconds,
        peak_bytes,
        bytes_read,
        bytes_written,
        finished_at
    from steps

)

select * from martlet_steps
