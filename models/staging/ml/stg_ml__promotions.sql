with

source as (

    select * from {{ source('ml', 'promotions') }}

),

renamed as (

    select
        -- ids
        run_id,
        previous_run_id,

        -- strings
        prediction as prediction_name,
        actor,
        reason as promotion_reason,

        -- dates
        promoted_at
    from source

)

select * from renamed
