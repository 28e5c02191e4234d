with

days as (

    select * from {{ ref('int_household_days') }}

),

mailings as (

    select * from {{ ref('fct_campaign_mailings') }}

),

data_days as (

    select
        min(trading_date) as first_date,
        cast(max(trading_date) + interval 1 day as date) as next_date
    from days

),

as_ofs as (

    {{ snapshot_dates(
        every=var('as_of_every_days'),
        first="date '" ~ var('first_as_of') ~ "'",
        last='(select next_date from data_days)'
    ) | indent(4) }}

),

active as (

    select distinct
        days.household_id,
        as_ofs.as_of_date
    from as_ofs
    inner join days
        on
            as_ofs.as_of_date > days.trading_date
            and days.trading_date >= as_ofs.as_of_date - interval {{ var('active_days') }} day

),

mailed as (

    select distinct
        mailings.household_id,
        mailings.mailed_on as as_of_date
    from mailings
    inner join data_days
        on mailings.mailed_on >= data_days.first_date + interval {{ var('min_history_days') }} day

),

snapshots as (

    select
        coalesce(active.household_id, mailed.household_id) as household_id,
        coalesce(active.as_of_date, mailed.as_of_date) as as_of_date,
        active.household_id is not null as is_weekly,
        mailed.household_id is not null as is_mailed
    from active
    full outer join mailed
        on
            active.household_id = mailed.household_id
            and active.as_of_date = mailed.as_of_date

)

select * from snapshots
