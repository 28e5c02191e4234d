with

source as (

    select * from {{ source('journey', 'campaign_descriptions') }}
    -- A campaign is known on the day that it starts.
    where {{ known_as_of('start_date', ahead_days=1) }}

),

renamed as (

    select
        campaign_id,
        campaign_type,
        cast(start_date as date) as started_on,
        cast(end_date as date) as ended_on,
        row_number() over (partition by campaign_id order by start_date) as occurrence
    from source

),

judged as (

    select
        *,
        {{ reject_reason('campaign_descriptions') }} as reject_reason
    from renamed

)

select * from judged
