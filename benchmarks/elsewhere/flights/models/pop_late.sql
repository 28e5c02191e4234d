-- The last week is to be scored.
select
    flight_id,
    scheduled_at,
    carrier,
    tailnum,
    origin,
    dest,
    distance,
    case when scheduled_at < timestamp '2013-12-25' and not is_cancelled then arr_delay > 15 end as is_late
from {{ ref('flights') }}
where scheduled_at >= timestamp '2013-02-01'
