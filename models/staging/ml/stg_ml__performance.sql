with

source as (

    select * from {{ source('ml', 'performance') }}

),

renamed as (

    select
        -- ids
        run_id,

        -- strings
        prediction as prediction_name,
        metric,

        -- numbers
        value as metric_value,
        lower as metric_lower,
        upper as metric_upper,
        announced_lower,
        announced_upper,
        predicted_mean,
        actual_mean,
        rows as row_count,
        ripe_rows as ripe_row_count,

        -- booleans
        is_champion as scored_as_champion,
        is_below_announced,
        lift as top_tenth_lift,
        lift_lower as top_tenth_lift_lower,
        lift_upper as top_tenth_lift_upper,

        -- dates
        as_of as as_of_at,
        measured_at
    from source

)

select * from renamed
