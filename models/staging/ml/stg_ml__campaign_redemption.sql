with

source as (

    select * from {{ source('ml', 'campaign_redemption') }}

),

renamed as (

    select
        -- ids
        campaign_id,
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
