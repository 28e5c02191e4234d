with

source as (

    select * from {{ source('journey', 'coupons') }}

),

renamed as (

    select
        coupon_upc,
        product_id,
        campaign_id,
        row_number() over (partition by coupon_upc, product_id, campaign_id order by product_id) as occurrence,
        min(campaign_id) over (partition by coupon_upc)
        <> max(campaign_id) over (partition by coupon_upc) as is_in_several_campaigns
    from source

),

judged as (

    select
        *,
        {{ reject_reason('coupons') }} as reject_reason
    from renamed

)

select * from judged
