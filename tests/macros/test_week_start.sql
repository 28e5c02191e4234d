-- Finds: a week of the source that week_start begins on the wrong day.
-- Why: promotions and receipts meet on this date.
-- What to do: see macros/week_start.sql and var first_week_start.
with

cases as (

    select listed.* from (
        values
        (1, date '2016-12-26'),
        (2, date '2017-01-02'),
        (53, date '2017-12-25')
    ) as listed (week_number, expected)

)

select
    week_number,
    expected,
    {{ week_start('week_number') }} as actual
from cases
where {{ week_start('week_number') }} is distinct from expected
