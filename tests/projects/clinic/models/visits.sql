-- Patients come at a pace of their own: every one to twelve weeks.
with

visits as (

    select
        patients.patient_id,
        numbers.range as number,
        patients.registered_at
        + to_days(cast(numbers.range * (7 + 11 * (hash(patients.patient_id, 'pace') % 8)) as integer))
        + to_hours(cast(hash(patients.patient_id, numbers.range, 'hour') % 120 as integer)) as visited_at
    from {{ ref('patients') }} as patients
    cross join range(1, 100) as numbers
    where hash(patients.patient_id, numbers.range, 'came') % 10 < 8

)

select
    patient_id * 100 + number as visit_id,
    patient_id,
    visited_at,
    ['check', 'control', 'urgent'][cast(1 + hash(patient_id, number, 'kind') % 3 as integer)] as kind,
    cast(20 + hash(patient_id, number, 'cost') % 80 as decimal(10, 2)) as cost,
    hash(patient_id, number, 'insured') % 4 > 0 as is_insured,
    hash(patient_id, number, 'where') % 8 as clinic_id,
    -- A patient keeps a doctor for some visits.
    hash(patient_id, number // 6, 'who') % 12 as doctor_id
from visits
where visited_at < timestamp '2024-12-31'
