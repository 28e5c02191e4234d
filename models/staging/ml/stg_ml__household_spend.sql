with

source as (

    select * from {{ source('ml', 'household_spend') }}

),

renamed as (

    select
        -- ids
        household_id,
        run_id,

        -- strings
        reasons,

        -- numbers
        prediction,
        lower as prediction_lower,
        upper as prediction_upper,

        -- dates
        as_of_date,
        scored_at
    from source

)

select * from renamed
