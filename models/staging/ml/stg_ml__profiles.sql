with

source as (

    select * from {{ source('ml', 'profiles') }}

),

renamed as (

    select
        -- ids
        run_id,

        -- strings
        feature,
        kind as feature_kind,
        quantile_edges,
        bin_counts,
        top_values,

        -- numbers
        rows as row_count,
        nulls,
        distinct_values,
        mean as mean_value,
        std as std_value,
        min as min_number,
        max as max_number,
        usual_psi,
        periods
    from source

)

select * from renamed
