with

as_ofs as (

    select cast(unnest(generate_series(date '2023-06-01', date '2024-12-30', interval 14 day)) as date) as as_of_date

)

select
    patients.patient_id,
    as_ofs.as_of_date,
    case
        when as_ofs.as_of_date + interval 28 day <= date '2024-12-31' then count(visits.visit_id) > 0
    end as has_returned
from {{ ref('patients') }} as patients
cross join as_ofs
left join {{ ref('visits') }} as visits
    on
        patients.patient_id = visits.patient_id
        and visits.visited_at >= as_ofs.as_of_date
        and visits.visited_at < as_ofs.as_of_date + interval 28 day
group by patients.patient_id, as_ofs.as_of_date
