-- No clock of its own: a result is known with its visit. What was measured is said by its test.
with

taken as (

    select
        visit_id * 10 + numbers.range as lab_id,
        cast(visit_id as varchar) as visit_id,
        hash(visit_id, numbers.range) % 1000 / 10.0 as measured,
        hash(visit_id, numbers.range, 'missing') % 10 = 0 as is_missing,
        cast(1 + hash(visit_id, numbers.range, 'test') % 3 as integer) as test_id
    from {{ ref('visits') }}
    cross join range(2) as numbers
    where hash(visit_id, numbers.range, 'taken') % 3 > 0

)

select
    lab_id,
    visit_id,
    test_id,
    case when not is_missing then 100 * test_id + measured end as result
from taken
