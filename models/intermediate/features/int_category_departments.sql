with

products as (

    select * from {{ ref('dim_products') }}

),

counted as (

    select
        product_category,
        department,
        row_number() over (partition by product_category order by count(*) desc, department) as place
    from products
    group by product_category, department

),

category_departments as (

    select
        product_category,
        department
    from counted
    where place = 1

)

select * from category_departments
