-- Nothing says when a price held.
select
    range as clinic_id,
    10 + range as price
from range(8)
union all
select
    range as clinic_id,
    20 + range as price
from range(8)
