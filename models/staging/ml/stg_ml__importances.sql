with

source as (

    select * from {{ source('ml', 'importances') }}

),

renamed as (

    select
        -- ids
        run_id,

        -- strings
        feature,

        -- numbers
        importance,
        importance_std,
        importance_rank
    from source

)

select * from renamed
