with

source as (

    select * from {{ source('ml', 'builds') }}

),

renamed as (

    select
        -- ids
        build_id,
        invocation_id,

        -- strings
        fingerprint as build_fingerprint,

        -- numbers
        models as models_built,
        tests as tests_passed,
        seconds,

        -- dates
        finished_at
    from source

)

select * from renamed
