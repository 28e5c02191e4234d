-- The evening of a visit: what will the creatinine be on average in the six weeks that follow?
select
    visits.subject_id,
    visits.visited_on + 1 as as_of,
    avg(labs.result) as next_result
from {{ ref('visits') }} as visits
inner join {{ ref('labs') }} as labs
    on
        visits.subject_id = labs.subject_id
        and labs.taken_at >= visits.visited_on + 1
        and labs.taken_at < visits.visited_on + 43
where visits.visit_number >= 3 and labs.test = 'CREAT' and labs.result is not null
group by visits.subject_id, visits.visited_on
