with

source as (

    select * from {{ source('journey', 'coupon_redemptions') }}
    where {{ known_as_of('redemption_date') }}

),

renamed as (

    select
        household_id,
        coupon_upc,
        campaign_id,
        cast(redemption_date as date) as redeemed_on,
        row_number() over (
            partition by household_id, coupon_upc, campaign_id, redemption_date
            order by redemption_date
        ) as occurrence
    from source

),

judged as (

    select
        *,
        {{ reject_reason('coupon_redemptions') }} as reject_reason
    from renamed

)

select * from judged
