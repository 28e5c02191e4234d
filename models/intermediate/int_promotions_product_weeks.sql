with

weeks as (

    select distinct week_number from {{ ref('int_calendar') }}
    where {{ only_new('week_start_date') }}

),

-- The semi-join spares reading placements of other weeks in a build that adds.
promotions as (

    select placements.*
    from {{ ref('stg_journey__promotions') }} as placements
    semi join weeks on placements.week_number = weeks.week_number
    where placements.reject_reason is null

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
