-- The evening of a visit: does an adverse event begin in the four weeks that follow?
select
    visits.subject_id,
    visits.visited_on + 1 as as_of,
    count(adverse_events.term) > 0 as is_followed
from {{ ref('visits') }} as visits
left join {{ ref('adverse_events') }} as adverse_events
    on
        visits.subject_id = adverse_events.subject_id
        and adverse_events.began_on > visits.visited_on
        and adverse_events.began_on <= visits.visited_on + 28
where visits.visit_number >= 3
group by visits.subject_id, visits.visited_on
