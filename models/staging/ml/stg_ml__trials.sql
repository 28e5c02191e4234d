with

source as (

    select * from {{ source('ml', 'trials') }}

),

renamed as (

    select
        -- ids
        run_id,

        -- strings
        estimator,
        parameters,
        status as trial_status,

        -- numbers
        trial,
        rows as row_count,
        score,
        score_std,
        seconds
    from source

)

select * from renamed
