with

source as (

    select * from {{ source('journey', 'demographics') }}

),

renamed as (

    select
        household_id,
        age as age_band,
        income as income_band,
        home_ownership,
        marital_status,
        household_size,
        household_comp as household_composition,
        kids_count,
        row_number() over (partition by household_id order by age, income) as occurrence
    from source

),

judged as (

    select
        *,
        {{ reject_reason('demographics') }} as reject_reason
    from renamed

)

select * from judged
