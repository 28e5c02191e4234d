with

basket_items as (

    select * from {{ ref('fct_basket_items') }}

),

department_weeks as (

    select
        department,
        week_start_date,
        count(distinct basket_id) as baskets,
        count(distinct household_id) as households,
        sum(units) as units,
        sum(sales_value) as revenue,
        sum(gross_value) as gross_value,
        sum(shelf_discount) as shelf_discount,
        sum(coupon_discount + coupon_match_discount) as coupon_savings,
        sum(case when is_private_label then sales_value else 0 end) as private_label_value,
        sum(case when is_promoted then sales_value else 0 end) as promoted_value
    from basket_items
    group by department, week_start_date

),

weeks as (

    select
        week_start_date,
        sum(revenue) as revenue
    from department_weeks
    group by week_start_date

),

final as (

    select
        department_weeks.department,
        department_weeks.week_start_date,
        cast(department_weeks.baskets as bigint) as baskets,
        cast(department_weeks.households as bigint) as households,
        cast(department_weeks.units as bigint) as units,
        cast(department_weeks.revenue as decimal(12, 2)) as revenue,
        cast(weeks.revenue as decimal(12, 2)) as week_revenue,
        cast(department_weeks.gross_value as decimal(12, 2)) as gross_value,
        cast(department_weeks.shelf_discount as decimal(12, 2)) as shelf_discount,
        cast(department_weeks.coupon_savings as decimal(12, 2)) as coupon_savings,
        cast(department_weeks.private_label_value as decimal(12, 2)) as private_label_value,
        cast(department_weeks.promoted_value as decimal(12, 2)) as promoted_value,
        cast(department_weeks.revenue as double) / nullif(weeks.revenue, 0) as revenue_share,
        cast(department_weeks.revenue as double) / department_weeks.baskets as revenue_per_basket,
        cast(department_weeks.units as double) / department_weeks.baskets as items_per_basket,
        cast(department_weeks.shelf_discount as double)
        / nullif(department_weeks.gross_value, 0) as shelf_discount_rate,
        cast(department_weeks.coupon_savings as double)
        / nullif(department_weeks.gross_value, 0) as coupon_discount_rate,
        cast(department_weeks.private_label_value as double)
        / nullif(department_weeks.revenue, 0) as private_label_share,
        cast(department_weeks.promoted_value as double) / nullif(department_weeks.revenue, 0) as promoted_share
    from department_weeks
    inner join weeks on department_weeks.week_start_date = weeks.week_start_date

)

select * from final
