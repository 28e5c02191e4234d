-- Finds: a cleaning rule that is not counted once, or with the wrong number of rows.
-- Why: the audit of the sources is made of these counts.
-- What to do: see macros/cleaning.
with

cases as (

    select listed.* from (
        values
        (1, 7, null),
        (1, 7, 'duplicate_key')
    ) as listed (campaign_id, household_id, reject_reason)

),

counted as (

    {{ count_cleaning_rules('campaigns', 'cases') }}

)

select * from counted
where
    rows_total <> 2
    or rows_touched <> case rule when 'duplicate_key' then 1 else 0 end
