with

source as (

    select * from {{ source('journey', 'campaigns') }}

),

renamed as (

    select
        campaign_id,
        household_id,
        row_number() over (partition by campaign_id, household_id order by household_id) as occurrence
    from source

),

judged as (

    select
        *,
        {{ reject_reason('campaigns') }} as reject_reason
    from renamed

)

select * from judged
