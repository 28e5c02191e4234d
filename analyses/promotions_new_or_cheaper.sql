-- Do promotions bring households that are new to a category, or only make baskets cheaper?
-- Each purchase of a category by a household on a day: on promotion or not, and had the household bought it before?
with

items as (

    select * from {{ ref('fct_basket_items') }}

),

purchases as (

    select
        household_id,
        product_category,
        trading_date,
        max(case when is_promoted then 1 else 0 end) as promoted,
        sum(sales_value) as sales_value,
        sum(shelf_discount) as shelf_discount,
        sum(gross_value) as gross_value
    from items
    where units > 0
    group by household_id, product_category, trading_date

),

-- Repeat buying needs a past: only purchases after 13 weeks of data are counted.
compared as (

    select
        *,
        lag(trading_date) over (partition by household_id, product_category order by trading_date) as previous_date
    from purchases

),

counted as (

    select * from compared
    where trading_date >= date '{{ var("first_as_of") }}'

),

answer as (

    select
        promoted = 1 as is_promoted,
        count(*) as purchases,
        {{ ratio('count(case when previous_date is null then 1 end)', 'count(*)') }} as share_new_to_category,
        {{ ratio('sum(sales_value)', 'count(*)') }} as sales_value_per_purchase,
        {{ ratio('sum(shelf_discount)', 'sum(gross_value)') }} as shelf_discount_rate
    from counted
    group by promoted

)

select * from answer
order by is_promoted
