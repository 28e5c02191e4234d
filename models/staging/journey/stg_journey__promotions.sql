with

source as (

    select * from {{ source('journey', 'promotions') }}
    where {{ known_as_of(week_start('week'), ahead_days=var('promotions_planned_days')) }}

),

renamed as (

    select
        product_id,
        store_id,
        display_location,
        mailer_location,
        week as week_number,
        display_location <> '0' as is_on_display,
        mailer_location <> '0' as is_in_mailer,
        {{ week_start('week') }} as week_start_date
    from source

),

judged as (

    select
        *,
        {{ reject_reason('promotions') }} as reject_reason
    from renamed

)

select * from judged
