-- What does a lapse cost? Households that skip a 28-day period: what they spent before, how many come back, and how
-- much less they spend afterwards. Before are the three periods ahead of the lapse, after the three that begin with it.
{% set periods = 3 %}
with

household_periods as (

    select * from {{ ref('fct_household_periods') }}

),

lapses as (

    select
        household_id,
        period_number
    from household_periods
    where
        is_lapsed
        -- Both sides must be whole.
        and period_number > {{ periods }}
        and period_number <= {{ var('period_count') - periods + 1 }}

),

around as (

    select
        lapses.household_id,
        lapses.period_number,
        sum(
            case
                when household_periods.period_number < lapses.period_number then household_periods.sales_value else 0
            end
        )
            as value_before,
        sum(
            case
                when household_periods.period_number >= lapses.period_number then household_periods.sales_value else 0
            end
        )
            as value_after
    from lapses
    inner join household_periods
        on
            lapses.household_id = household_periods.household_id
            and household_periods.period_number between
            lapses.period_number - {{ periods }} and lapses.period_number + {{ periods - 1 }}
    group by lapses.household_id, lapses.period_number

),

answer as (

    select
        period_number,
        count(*) as lapses,
        {{ ratio('count(case when value_after > 0 then 1 end)', 'count(*)') }} as share_that_came_back,
        {{ ratio('sum(value_before)', 'count(*)') }} as value_before_per_lapse,
        {{ ratio('sum(value_after)', 'count(*)') }} as value_after_per_lapse,
        {{ ratio('sum(value_before - value_after)', 'count(*)') }} as cost_per_lapse,
        sum(value_before - value_after) as cost_of_all_lapses
    from around
    group by period_number

)

select * from answer
order by period_number
