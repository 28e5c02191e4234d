-- Finds: a UTC moment that local_time puts on the wrong clock, in winter, in summer or across midnight.
-- Why: trading days, weeks and campaign days all follow from this clock.
-- What to do: see macros/engine/local_time.sql. The cases hold for America/New_York.
with

cases as (

    select listed.* from (
        values
        (timestamp '2017-01-09 03:00:00', timestamp '2017-01-08 22:00:00'),
        (timestamp '2017-07-09 16:30:15', timestamp '2017-07-09 12:30:15'),
        (timestamp '2018-01-01 04:59:59', timestamp '2017-12-31 23:59:59')
    ) as listed (utc_timestamp, expected)

)

select
    utc_timestamp,
    expected,
    {{ local_time('utc_timestamp') }} as actual
from cases
where {{ local_time('utc_timestamp') }} is distinct from expected
