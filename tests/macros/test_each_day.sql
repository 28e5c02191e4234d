-- Finds: a span of days that each_day cuts short, extends or repeats; the span crosses a leap day.
-- Why: a day that the calendar lacks loses its receipts in every join.
-- What to do: see macros/engine/each_day.sql.
with

days as (

    {{ each_day('2016-02-28', '2016-03-01') }}

),

summed as (

    select
        count(*) as row_count,
        count(distinct date_day) as distinct_days,
        min(date_day) as first_day,
        max(date_day) as last_day
    from days

)

select * from summed
where
    row_count <> 3
    or distinct_days <> 3
    or first_day <> date '2016-02-28'
    or last_day <> date '2016-03-01'
