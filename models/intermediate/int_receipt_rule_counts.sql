with

transactions as (

    select * from {{ ref('int_receipt_lines') }}

),

catalogue as (

    select * from {{ ref('stg_journey__products') }}

),

departments as (

    select * from {{ ref('department_map') }}

),

demographics as (

    select * from {{ ref('stg_journey__demographics') }}

),

promotions as (

    select * from {{ ref('stg_journey__promotions') }}

),

products as (

    select
        catalogue.*,
        departments.department
    from catalogue
    left join departments on catalogue.source_department = departments.source_department

),

counted as (

    {{ count_cleaning_rules('transactions', 'transactions') }}

    union all

    {{ count_cleaning_rules('products', 'products') }}

    union all

    {{ count_cleaning_rules('demographics', 'demographics') }}

    union all

    {{ count_cleaning_rules('promotions', 'promotions') }}

)

select * from counted
