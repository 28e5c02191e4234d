-- Finds: a value that safe_cast does not turn into a number, or a bad value that it does not turn into null.
-- Why: one bad value in a source must not stop the whole build.
-- What to do: see macros/engine/safe_cast.sql.
with

cases as (

    select listed.* from (
        values
        ('12', 12),
        ('-3', -3),
        ('x', null),
        (null, null)
    ) as listed (raw_value, expected)

)

select
    raw_value,
    expected
from cases
where {{ dbt.safe_cast('raw_value', dbt.type_int()) }} is distinct from expected
