-- Finds: months or weeks whose revenue, added up, is not the revenue of all receipt lines, and the same for the
-- departments' weeks.
-- Why: a calendar that misses a day, or a join that repeats one, changes every KPI without an error.
-- What to do: look for days of fct_basket_items that dim_calendar lacks or has twice.
with

items as (

    select sum(sales_value) as revenue from {{ ref('fct_basket_items') }}

),

months as (

    select sum(numerator) as revenue from {{ ref('rpt_kpi_months') }}
    where kpi = 'revenue'

),

weeks as (

    select sum(numerator) as revenue from {{ ref('rpt_kpi_weeks') }}
    where kpi = 'revenue'

),

departments as (

    select sum(revenue) as revenue from {{ ref('rpt_trading_department_weeks') }}

)

select
    items.revenue as items_revenue,
    months.revenue as months_revenue,
    weeks.revenue as weeks_revenue,
    departments.revenue as departments_revenue
from items
cross join months
cross join weeks
cross join departments
where
    items.revenue <> months.revenue
    or items.revenue <> weeks.revenue
    or items.revenue <> departments.revenue
