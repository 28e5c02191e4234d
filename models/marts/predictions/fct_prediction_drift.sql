with

drift as (

    select * from {{ ref('stg_ml__drift') }}

),

champions as (

    select * from {{ ref('int_champions') }}

),

ranked as (

    select
        *,
        row_number() over (partition by run_id, as_of_at, feature, statistic order by measured_at desc) as place
    from drift

),

prediction_drift as (

    select
        ranked.prediction_name,
        ranked.run_id,
        cast(ranked.as_of_at as date) as as_of_date,
        ranked.feature,
        ranked.statistic,
        ranked.drift_value,
        ranked.drift_threshold,
        ranked.p_value,
        ranked.is_alarm,
        ranked.row_count,
        coalesce(champions.is_champion, false) as is_champion,
        ranked.measured_at
    from ranked
    left join champions
        on ranked.run_id = champions.run_id
    where ranked.place = 1

)

select * from prediction_drift
