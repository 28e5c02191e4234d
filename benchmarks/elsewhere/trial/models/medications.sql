select
    usubjid as subject_id,
    cmdecod as medication,
    cmclas as class,
    cmdose as dose,
    cmroute as route,
    try_cast(cmdtc as date) as asked_on
from '{{ var("data") }}/cm.parquet'
where try_cast(cmdtc as date) is not null
