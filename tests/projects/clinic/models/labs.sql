-- No clock of its own: a result is known with its visit.
select
    visit_id * 10 + numbers.range as lab_id,
    cast(visit_id as varchar) as visit_id,
    case when hash(visit_id, numbers.range, 'missing') % 10 > 0 then hash(visit_id, numbers.range) % 1000 / 10.0 end
        as result
from {{ ref('visits') }}
cross join range(2) as numbers
where hash(visit_id, numbers.range, 'taken') % 3 > 0
