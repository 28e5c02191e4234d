with

snapshots as (

    select * from {{ ref('int_household_snapshots') }}

),

mailings as (

    select * from {{ ref('fct_campaign_mailings') }}

),

household_campaigns as (

    select
        snapshots.household_id,
        snapshots.as_of_date,
        count(*) as campaigns_running
    from snapshots
    inner join mailings
        on snapshots.household_id = mailings.household_id
        -- A campaign that starts at the as-of is not yet known to have been mailed.
        and snapshots.as_of_date > mailings.mailed_on
        and snapshots.as_of_date <= mailings.ended_on
    group by snapshots.household_id, snapshots.as_of_date

)

select * from household_campaigns
