-- Finds: a kept row among the rejected ones, or a rejected one without its reason, key or content.
-- Why: a rejected row must be found again.
-- What to do: see macros/cleaning/rejected_rows.sql.
with

cases as (

    select listed.* from (
        values
        (1, 7, null),
        (1, 8, 'duplicate_key')
    ) as listed (campaign_id, household_id, reject_reason)

),

rejected as (

    {{ rejected_rows('campaigns', 'cases', ['campaign_id', 'household_id']) }}

)

select * from rejected
where
    source_name <> 'campaigns'
    or reason <> 'duplicate_key'
    or row_key <> '1|8'
    or row_json <> '{"campaign_id":1,"household_id":8,"reject_reason":"duplicate_key"}'
