with

demand as (

    select * from {{ ref('fct_category_demand_predictions') }}

),

category_demand as (

    select
        product_category,
        as_of_date as week_start_date,
        department,
        prediction as forecast_units,
        prediction_lower as forecast_lower,
        prediction_upper as forecast_upper,
        units_1w_ago as units_last_week,
        units_mean_4w,
        prediction - units_mean_4w as forecast_against_4w,
        {{ ratio('prediction - units_mean_4w', 'units_mean_4w') }} as forecast_change_rate,
        planned_product_stores,
        units_next_week as actual_units,
        abs(prediction - units_next_week) as forecast_error,
        abs(units_mean_4w - units_next_week) as naive_error,
        run_id,
        scored_at
    from demand

)

select * from category_demand
