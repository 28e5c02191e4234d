select
    usubjid as subject_id,
    siteid as site_id,
    age,
    sex,
    race,
    ethnic,
    armcd as arm,
    cast(dmdtc as date) as enrolled_on,
    cast(rfstdtc as date) as treated_from
from '{{ var("data") }}/dm.parquet'
