with

transactions as (

    select * from {{ ref('stg_journey__transactions') }}
    where {{ only_new('transacted_at_utc', column='trading_date', in_utc=true) }}

),

products as (

    select * from {{ ref('int_products') }}

),

promoted_sales as (

    select * from {{ ref('int_promoted_sales') }}

),

demographics as (

    select * from {{ ref('stg_journey__demographics') }}
    where reject_reason is null

),

moments as (

    select distinct transacted_at_utc from transactions

),

-- Lines of a basket share one moment: converting each moment once is ten times cheaper than each line.
clock as (

    select
        transacted_at_utc,
        {{ local_time('transacted_at_utc') }} as transacted_at
    from moments

),

days as (

    select
        *,
        cast(transacted_at as date) as trading_date,
        cast({{ dbt.date_trunc('week', 'transacted_at') }} as date) as week_start_date
    from clock

),

lines as (

    select
        transactions.*,
        days.transacted_at,
        days.trading_date,
        days.week_start_date,
        {{ dbt.datediff("date '" ~ var('first_week_start') ~ "'", 'days.week_start_date', 'week') }} + 1 as week_number,
        products.department,
        products.product_category,
        products.is_private_label,
        products.is_sold_by_volume,
        coalesce(products.is_in_catalogue, false) as is_in_catalogue,
        demographics.household_id is not null as has_demographics
    from transactions
    left join days on transactions.transacted_at_utc = days.transacted_at_utc
    left join products on transactions.product_id = products.product_id
    left join demographics on transactions.household_id = demographics.household_id

),

promoted as (

    select
        lines.*,
        case when lines.is_sold_by_volume then least(lines.quantity, 1) else lines.quantity end as units,
        case when lines.is_sold_by_volume then cast(lines.quantity as double) end as volume,
        cast(lines.sales_value + lines.shelf_discount + lines.coupon_match_discount as decimal(12, 2)) as gross_value,
        coalesce(promoted_sales.is_on_display, false) as is_on_display,
        coalesce(promoted_sales.is_in_mailer, false) as is_in_mailer,
        promoted_sales.product_id is not null as is_promoted
    from lines
    left join promoted_sales
        on
            lines.product_id = promoted_sales.product_id
            and lines.store_id = promoted_sales.store_id
            and lines.week_start_date = promoted_sales.week_start_date

)

select * from promoted
