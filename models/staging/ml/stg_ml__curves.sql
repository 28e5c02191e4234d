with

source as (

    select * from {{ source('ml', 'curves') }}

),

renamed as (

    select
        -- ids
        run_id,

        -- strings
        split,
        curve,
        feature,
        class_label,
        level,

        -- numbers
        point as curve_point,
        x as x_value,
        y as y_value,
        lower as y_lower,
        upper as y_upper,
        rows as row_count
    from source

)

select * from renamed
