with

household_days as (

    select * from {{ ref('int_household_days') }}

),

demographics as (

    select * from {{ ref('stg_journey__demographics') }}
    where reject_reason is null

),

mailings as (

    select * from {{ ref('stg_journey__campaigns') }}
    where reject_reason is null

),

value_bands as (

    select * from {{ ref('value_bands') }}

),

purchases as (

    select
        household_id,
        min(trading_date) as first_trading_date,
        max(trading_date) as last_trading_date,
        cast(sum(baskets) as bigint) as baskets,
        cast(sum(sales_value) as decimal(12, 2)) as revenue
    from household_days
    group by household_id

),

-- A household is known by its receipts, its demographics or a mailing.
known as (

    select household_id from purchases

    union

    select household_id from demographics

    union

    select household_id from mailings

),

described as (

    select
        known.household_id,
        demographics.household_id is not null as has_demographics,
        {% for attribute in [
            'age_band', 'income_band', 'home_ownership', 'marital_status',
            'household_size', 'household_composition', 'kids_count',
        ] -%}
        coalesce(demographics.{{ attribute }}, '{{ var("unknown_label") }}') as {{ attribute }},
        {% endfor -%}
        purchases.first_trading_date,
        purchases.last_trading_date,
        coalesce(purchases.baskets, 0) as baskets,
        coalesce(purchases.revenue, 0) as revenue
    from known
    left join purchases on known.household_id = purchases.household_id
    left join demographics on known.household_id = demographics.household_id

),

final as (

    select
        described.*,
        value_bands.value_band
    from described
    left join value_bands
        on
            described.revenue >= value_bands.from_revenue
            and (described.revenue < value_bands.to_revenue or value_bands.to_revenue is null)

)

select * from final
