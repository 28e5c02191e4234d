with

calendar as (

    select * from {{ ref('dim_calendar') }}

),

final as (

    select date_day
    from calendar

)

select * from final
