with

promotions as (

    select * from {{ ref('int_promotions_product_weeks') }}

),

products as (

    select * from {{ ref('dim_products') }}

),

category_promotions as (

    select
        products.product_category,
        promotions.week_start_date,
        cast(sum(promotions.promoted_stores) as bigint) as promoted_product_stores,
        cast(sum(promotions.display_stores) as bigint) as display_product_stores,
        cast(sum(promotions.mailer_stores) as bigint) as mailer_product_stores
    from promotions
    inner join products
        on promotions.product_id = products.product_id
    group by products.product_category, promotions.week_start_date

)

select * from category_promotions
