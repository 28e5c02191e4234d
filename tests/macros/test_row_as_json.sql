-- Finds: a row that row_as_json does not write with its column names and values.
-- Why: a rejected row must be readable in full.
-- What to do: see macros/engine/row_as_json.sql.
with

cases as (

    select
        1 as product_id,
        'MEAT' as department

)

select {{ row_as_json('cases') }} as actual
from cases
where {{ row_as_json('cases') }} <> '{"product_id":1,"department":"MEAT"}'
