select
    usubjid as subject_id,
    aedecod as term,
    aebodsys as body_system,
    aesev as severity,
    aerel as relation,
    try_cast(aestdtc as date) as began_on
from '{{ var("data") }}/ae.parquet'
where try_cast(aestdtc as date) is not null
