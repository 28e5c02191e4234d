-- A reading on each row; its test says of what: blood pressures, pulse, temperature, weight, height.
select
    usubjid as subject_id,
    vstestcd as test,
    vstpt as taken_when,
    vsstresn as result,
    cast(vsdtc as date) as measured_on
from '{{ var("data") }}/vs.parquet'
where vsstresn is not null
