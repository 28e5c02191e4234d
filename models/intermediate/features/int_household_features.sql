with

windows as (

    select * from {{ ref('int_household_windows') }}
    where {{ only_new('as_of_date') }}

),

habits as (

    select * from {{ ref('int_household_habits') }}

),

campaigns as (

    select * from {{ ref('int_household_campaigns') }}

),

households as (

    select * from {{ ref('dim_households') }}

),

features as (

    select
        windows.household_id,
        windows.as_of_date,
        windows.days_since_last_basket,
        habits.tenure_days,
        windows.shopping_days_7d,
        windows.shopping_days_28d,
        windows.shopping_days_84d,
        windows.baskets_7d,
        windows.baskets_28d,
        windows.baskets_84d,
        habits.usual_shopping_days_28d,
        habits.usual_sales_value_28d,
        windows.sales_value_7d,
        windows.sales_value_28d,
        windows.sales_value_84d,
        {{ ratio('windows.sales_value_84d', 'windows.baskets_84d') }} as average_basket_value_84d,
        {{ ratio('windows.items_84d', 'windows.baskets_84d') }} as items_per_basket_84d,

        -- How long the household has stayed away, in its own usual intervals between baskets.
        {{ ratio('windows.days_since_last_basket * windows.baskets_84d', '84') }} as overdue_intervals,
        {{ ratio('3 * windows.baskets_28d', 'windows.baskets_84d') }} as baskets_trend,
        {{ ratio('4 * windows.baskets_7d', 'windows.baskets_28d') }} as recent_baskets_trend,
        {{ ratio('3 * windows.sales_value_28d', 'windows.sales_value_84d') }} as sales_trend,
        {{ ratio('3 * windows.products_28d', 'windows.products_84d') }} as products_trend,

        {{ ratio('windows.shelf_discount_28d', 'windows.gross_value_28d') }} as shelf_discount_rate_28d,
        {{ ratio('windows.shelf_discount_84d', 'windows.gross_value_84d') }} as shelf_discount_rate_84d,
        {{ ratio('windows.coupon_discount_84d', 'windows.gross_value_84d') }} as coupon_discount_rate_84d,
        {{ ratio('windows.private_label_value_28d', 'windows.sales_value_28d') }} as private_label_share_28d,
        {{ ratio('windows.private_label_value_84d', 'windows.sales_value_84d') }} as private_label_share_84d,
        {{ ratio('windows.promoted_value_28d', 'windows.sales_value_28d') }} as promoted_share_28d,
        {{ ratio('windows.promoted_value_84d', 'windows.sales_value_84d') }} as promoted_share_84d,
        {{ ratio('windows.fuel_value_84d', 'windows.sales_value_84d') }} as fuel_share_84d,

        windows.products_28d,
        windows.products_84d,
        windows.departments_28d,
        windows.departments_84d,
        windows.stores_28d,
        windows.stores_84d,
        {{ ratio('windows.weekend_baskets_84d', 'windows.baskets_84d') }} as weekend_share_84d,
        {{ ratio('windows.evening_baskets_84d', 'windows.baskets_84d') }} as evening_share_84d,

        campaigns.redemptions_84d,
        campaigns.mailings_84d,
        campaigns.campaigns_running,

        households.has_demographics,
        households.age_band,
        households.income_band,
        households.home_ownership,
        households.marital_status,
        households.household_size,
        households.household_composition,
        households.kids_count
    from windows
    inner join households
        on windows.household_id = households.household_id
    inner join habits
        on
            windows.household_id = habits.household_id
            and windows.as_of_date = habits.as_of_date
    inner join campaigns
        on
            windows.household_id = campaigns.household_id
            and windows.as_of_date = campaigns.as_of_date

)

select * from features
