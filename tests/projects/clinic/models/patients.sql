select
    range as patient_id,
    hash(range, 'clinic') % 8 as clinic_id,
    case when range > 0 then hash(range, 'referred') % range end as referred_by,
    1940 + hash(range, 'born') % 70 as born_year,
    case when hash(range, 'sex') % 2 = 0 then 'f' else 'm' end as sex,
    'patient ' || range as full_name,
    timestamp '2023-01-01 08:00:00' + to_days(cast(hash(range, 'from') % 120 as integer)) as registered_at,
    date '2024-03-01' + cast(hash(range, 'left') % 300 as integer) as left_on
from range({{ var('patients') }})
