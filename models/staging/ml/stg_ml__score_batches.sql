with

source as (

    select * from {{ source('ml', 'score_batches') }}

),

renamed as (

    select
        -- ids
        batch_id,
        run_id,

        -- strings
        prediction as prediction_name,

        -- numbers
        rows as row_count,
        seconds,

        -- booleans
        is_rescore,

        -- dates
        scored_at,
        first_as_of,
        last_as_of
    from source

)

select * from renamed
