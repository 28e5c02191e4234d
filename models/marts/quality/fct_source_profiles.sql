with

profiles as (

    select * from {{ ref('stg_ml__source_profiles') }}

),

latest as (

    select
        source_name,
        table_name,
        max(profiled_at) as profiled_at
    from profiles
    group by source_name, table_name

),

source_profiles as (

    select
        profiles.source_name,
        profiles.table_name,
        profiles.column_name,
        profiles.column_type,
        profiles.row_count,
        profiles.nulls,
        {{ ratio('profiles.nulls', 'profiles.row_count') }} as null_share,
        profiles.distinct_values,
        profiles.distinct_values = profiles.row_count as is_unique,
        profiles.min_value,
        profiles.max_value,
        profiles.quantiles,
        profiles.top_values,
        profiles.profiled_at
    from profiles
    inner join latest
        on
            profiles.source_name = latest.source_name
            and profiles.table_name = latest.table_name
            and profiles.profiled_at = latest.profiled_at

)

select * from source_profiles
