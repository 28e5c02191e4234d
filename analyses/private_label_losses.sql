-- Which categories lose private-label share? The first against the last four 28-day periods of the year,
-- for categories that matter.
{% set periods = 4 %}
{% set least_revenue = 5000 %}
with

items as (

    select * from {{ ref('fct_basket_items') }}

),

calendar as (

    select * from {{ ref('dim_calendar') }}
    where period_number is not null

),

dated as (

    select
        items.*,
        case
            when calendar.period_number <= {{ periods }} then 'first'
            when calendar.period_number > {{ var('period_count') - periods }} then 'last'
        end as part_of_year
    from items
    inner join calendar
        on items.trading_date = calendar.date_day

),

shares as (

    select
        department,
        product_category,
        part_of_year,
        sum(sales_value) as revenue,
        {{ ratio('sum(case when is_private_label then sales_value else 0 end)', 'sum(sales_value)') }}
            as private_label_share
    from dated
    group by department, product_category, part_of_year

),

answer as (

    select
        first_part.department,
        first_part.product_category,
        first_part.revenue + last_part.revenue as revenue,
        first_part.private_label_share as first_share,
        last_part.private_label_share as last_share,
        last_part.private_label_share - first_part.private_label_share as change_in_share
    from shares as first_part
    inner join shares as last_part
        on
            first_part.department = last_part.department
            and first_part.product_category = last_part.product_category
    where
        first_part.part_of_year = 'first'
        and last_part.part_of_year = 'last'
        and first_part.revenue + last_part.revenue >= {{ least_revenue }}

)

select * from answer
where change_in_share < 0
order by change_in_share
limit 20
