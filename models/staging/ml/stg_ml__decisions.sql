with

source as (

    select * from {{ source('ml', 'decisions') }}

),

renamed as (

    select
        -- ids
        decision_id,
        run_id,

        -- strings
        prediction as prediction_name,
        decision as run_decision,
        actor,
        reason as decision_reason,

        -- dates
        decided_at
    from source

)

select * from renamed
