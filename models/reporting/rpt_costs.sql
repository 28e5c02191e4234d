with

steps as (

    select * from {{ ref('fct_martlet_steps') }}

),

costs as (

    select
        cast({{ dbt.date_trunc('month', 'finished_at') }} as date) as month_start_date,
        step_kind,
        step_subject,
        count(*) as steps,
        count(case when step_status in ('error', 'failed', 'interrupted') then 1 end) as failed_steps,
        cast(sum(row_count) as bigint) as row_count,
        sum(seconds) as seconds,
        sum(core_seconds) as core_seconds,
        max(peak_bytes) as peak_bytes,
        cast(sum(bytes_read) as bigint) as bytes_read,
        cast(sum(bytes_written) as bigint) as bytes_written,
        1000000 * sum(case when row_count > 0 then core_seconds end) / nullif(sum(row_count), 0)
            as core_seconds_per_million_rows
    from steps
    group by cast({{ dbt.date_trunc('month', 'finished_at') }} as date), step_kind, step_subject

)

select * from costs
