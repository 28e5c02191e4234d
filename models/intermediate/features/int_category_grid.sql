with

weeks as (

    select * from {{ ref('int_demand_weeks') }}

),

categories as (

    select * from {{ ref('int_category_departments') }}

),

sales as (

    select * from {{ ref('int_category_weeks') }}

),

promotions as (

    select * from {{ ref('int_category_promotions') }}

),

planned_weeks as (

    select distinct week_start_date from promotions

),

sold_categories as (

    select distinct product_category from sales

),

grid as (

    select
        categories.product_category,
        categories.department,
        weeks.week_start_date,
        weeks.holidays,
        weeks.is_closed,
        coalesce(sales.units, 0) as units,
        coalesce(sales.baskets, 0) as baskets,
        coalesce(sales.sales_value, 0) as sales_value,
        coalesce(sales.gross_value, 0) as gross_value,
        coalesce(sales.shelf_discount, 0) as shelf_discount,
        -- Without any plan for the week the promotions are unknown; with one, a category that it leaves out has none.
        case when planned_weeks.week_start_date is not null then coalesce(promotions.promoted_product_stores, 0) end
            as promoted_product_stores,
        case when planned_weeks.week_start_date is not null then coalesce(promotions.display_product_stores, 0) end
            as display_product_stores,
        case when planned_weeks.week_start_date is not null then coalesce(promotions.mailer_product_stores, 0) end
            as mailer_product_stores
    from categories
    inner join sold_categories
        on categories.product_category = sold_categories.product_category
    cross join weeks
    left join planned_weeks
        on weeks.week_start_date = planned_weeks.week_start_date
    left join sales
        on
            categories.product_category = sales.product_category
            and weeks.week_start_date = sales.week_start_date
    left join promotions
        on
            categories.product_category = promotions.product_category
            and weeks.week_start_date = promotions.week_start_date

)

select * from grid
