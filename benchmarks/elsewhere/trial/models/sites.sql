select distinct
    siteid as site_id,
    country
from '{{ var("data") }}/dm.parquet'
