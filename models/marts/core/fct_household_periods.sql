with

periods as (

    select * from {{ ref('int_household_periods') }}

),

compared as (

    select
        *,
        coalesce(lag(is_active) over (partition by household_id order by period_number), false)
            as was_active_in_previous_period
    from periods

),

final as (

    select
        household_id,
        period_start_date,
        period_number,
        is_active,
        was_active_in_previous_period,
        is_new,
        is_active and was_active_in_previous_period as is_retained,
        is_active and not was_active_in_previous_period and not is_new and period_number > 1 as is_reactivated,
        not is_active and was_active_in_previous_period as is_lapsed,
        baskets,
        sales_value
    from compared

)

select * from final
