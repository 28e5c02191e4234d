select
    usubjid as subject_id,
    visitnum as visit_number,
    visit,
    cast(svstdtc as date) as visited_on
from '{{ var("data") }}/sv.parquet'
where svstdtc is not null
