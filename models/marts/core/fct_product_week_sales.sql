with

items as (

    select * from {{ ref('fct_basket_items') }}

),

promotions as (

    select * from {{ ref('int_promotions_product_weeks') }}

),

sold as (

    select
        product_id,
        week_start_date,
        min(department) as department,
        min(product_category) as product_category,
        cast(sum(units) as bigint) as units,
        cast(sum(sales_value) as decimal(12, 2)) as sales_value,
        cast(sum(shelf_discount) as decimal(12, 2)) as shelf_discount,
        cast(sum(coupon_discount) as decimal(12, 2)) as coupon_discount,
        count(*) as baskets,
        count(distinct household_id) as households,
        count(distinct store_id) as stores_sold
    from items
    group by product_id, week_start_date

),

final as (

    select
        sold.product_id,
        sold.week_start_date,
        sold.department,
        sold.product_category,
        sold.units,
        sold.sales_value,
        sold.shelf_discount,
        sold.coupon_discount,
        sold.baskets,
        sold.households,
        sold.stores_sold,
        coalesce(promotions.promoted_stores, 0) as promoted_stores,
        coalesce(promotions.display_stores, 0) as display_stores,
        coalesce(promotions.mailer_stores, 0) as mailer_stores,
        promotions.product_id is not null as is_promoted
    from sold
    left join promotions
        on
            sold.product_id = promotions.product_id
            and sold.week_start_date = promotions.week_start_date

)

select * from final
