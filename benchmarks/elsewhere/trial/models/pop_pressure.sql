-- The evening of a visit: what will the systolic blood pressure be on average in the six weeks that follow?
select
    visits.subject_id,
    visits.visited_on + 1 as as_of,
    avg(vital_signs.result) as next_result
from {{ ref('visits') }} as visits
inner join {{ ref('vital_signs') }} as vital_signs
    on
        visits.subject_id = vital_signs.subject_id
        and vital_signs.measured_on >= visits.visited_on + 1
        and vital_signs.measured_on < visits.visited_on + 43
where visits.visit_number >= 3 and vital_signs.test = 'SYSBP' and vital_signs.result is not null
group by visits.subject_id, visits.visited_on
