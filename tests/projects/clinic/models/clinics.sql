-- The head of a clinic is a patient of some clinic: foreign keys go in a circle.
select
    range as clinic_id,
    range * 7 as head_patient_id,
    case when range % 2 = 0 then 'north' else 'south' end as region
from range(8)
