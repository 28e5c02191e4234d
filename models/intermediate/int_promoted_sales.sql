with

promotions as (

    select * from {{ ref('stg_journey__promotions') }}
    where reject_reason is null

),

sales as (

    select distinct
        product_id,
        store_id,
        source_week_number
    from {{ ref('stg_journey__transactions') }}
    where
        reject_reason is null
        and {{ only_new(
            week_start('source_week_number'),
            column='week_start_date',
            settles_after_days=var('promotions_planned_days')
        ) }}

),

-- The semi-join comes first: of 20.9 million placements fewer than 2 in 100 met a sale, and only these are grouped. A
-- build that adds is spared from reading placements of other weeks.
promoted as (

    select
        promotions.product_id,
        promotions.store_id,
        promotions.week_start_date,
        promotions.is_on_display,
        promotions.is_in_mailer
    from promotions
    semi join sales
        on
            promotions.product_id = sales.product_id
            and promotions.store_id = sales.store_id
            and promotions.week_number = sales.source_week_number

),

-- A product may stand on two displays of one store in one week.
grouped as (

    select
        product_id,
        store_id,
        week_start_date,
        bool_or(is_on_display) as is_on_display,
        bool_or(is_in_mailer) as is_in_mailer
    from promoted
    group by product_id, store_id, week_start_date

)

select * from grouped
