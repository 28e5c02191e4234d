-- Finds: a department of the till that seed department_map does not know.
-- Why: its products read as unknown, and their sales vanish from every department's report.
-- What to do: add the department to seeds/department_map.csv, with a note.
with

rules as (

    select * from {{ ref('fct_cleaning_rules') }}

)

select * from rules
where rule = 'unmapped_department' and rows_touched > 0
