-- Finds: as-ofs that are not the first date and every seventh day after it, up to the last.
-- Why: a missing as-of loses its rows, one beyond the data predicts from nothing.
-- What to do: see macros/features/snapshot_dates.sql.
with

dates as (

    {{ snapshot_dates(every=7, first="date '2020-02-20'", last="date '2020-03-06'", as_of='as_of') | indent(4) }}

),

expected as (

    select expected_rows.*
    from (values (date '2020-02-20'), (date '2020-02-27'), (date '2020-03-05')) as expected_rows (as_of)

),

compared as (

    select
        expected.as_of as expected_date,
        dates.as_of
    from expected
    full outer join dates
        on expected.as_of = dates.as_of

)

select * from compared
where
    expected_date is null
    or as_of is null
