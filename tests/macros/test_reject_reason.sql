-- Finds: a row for which reject_reason does not name the first reject rule that it meets.
-- Why: the reason decides whether a row is kept.
-- What to do: see macros/cleaning.
with

cases as (

    select listed.* from (
        values
        (1, 1, null),
        (1, 2, 'duplicate_key'),
        (null, 2, 'missing_key')
    ) as listed (product_id, occurrence, expected)

)

select
    product_id,
    occurrence,
    expected
from cases
where {{ reject_reason('products') }} is distinct from expected
