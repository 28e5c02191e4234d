with

promotions as (

    select * from {{ ref('stg_journey__promotions') }}
    where
        reject_reason is null
        and {{ only_new('week_start_date') }}

),

store_ids as (

    select distinct store_id from promotions

),

-- A dense number per store lets the distinct counts below use a bitmap.
stores as (

    select
        store_id,
        row_number() over (order by store_id) - 1 as store_index
    from store_ids

),

grouped as (

    select
        promotions.product_id,
        promotions.week_start_date,
        {{ count_few_distinct('stores.store_index') }} as promoted_stores,
        {{ count_few_distinct('stores.store_index', 'promotions.is_on_display') }} as display_stores,
        {{ count_few_distinct('stores.store_index', 'promotions.is_in_mailer') }} as mailer_stores
    from promotions
    inner join stores on promotions.store_id = stores.store_id
    group by promotions.product_id, promotions.week_start_date

)

select * from grouped
