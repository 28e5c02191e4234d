with

source as (

    select * from {{ source('ml', 'household_lapse') }}

),

renamed as (

    select
        -- ids
        household_id,
        run_id,

        -- strings
        predicted_class,
        reasons,

        -- numbers
        prediction,

        -- dates
        as_of_date,
        scored_at
    from source

)

select * from renamed
