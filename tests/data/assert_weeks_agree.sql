-- Finds: receipt lines whose week in the source is not the week of their local trading day.
-- Why: promotions are joined by the source's week; two calendars would attach them to the wrong lines.
-- What to do: check var store_timezone and var first_week_start.
with

rules as (

    select * from {{ ref('fct_cleaning_rules') }}

)

select * from rules
where rule = 'week_disagrees' and rows_touched > 0
