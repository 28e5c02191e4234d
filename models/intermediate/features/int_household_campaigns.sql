with

snapshots as (

    select * from {{ ref('int_household_snapshots') }}
    where {{ only_new('as_of_date') }}

),

mailings as (

    select * from {{ ref('fct_campaign_mailings') }}

),

redemptions as (

    select * from {{ ref('fct_coupon_redemptions') }}

),

mailed as (

    {{ window_features(
        snapshots='snapshots', events='mailings', entity='household_id', as_of='as_of_date', event_time='mailed_on',
        windows=[84], counts={'mailings': '1'}
    ) | indent(4) }}

),

redeemed as (

    {{ window_features(
        snapshots='snapshots', events='redemptions', entity='household_id', as_of='as_of_date',
        event_time='redeemed_on', windows=[84], counts={'redemptions': '1'}
    ) | indent(4) }}

),

running as (

    select
        snapshots.household_id,
        snapshots.as_of_date,
        count(*) as campaigns_running
    from snapshots
    inner join mailings
        on
            snapshots.household_id = mailings.household_id
            -- A campaign that starts at the as-of is left out: it is not yet known to have been mailed.
            and snapshots.as_of_date > mailings.mailed_on
            and snapshots.as_of_date <= mailings.ended_on
    group by snapshots.household_id, snapshots.as_of_date

),

household_campaigns as (

    select
        mailed.household_id,
        mailed.as_of_date,
        mailed.mailings_84d,
        redeemed.redemptions_84d,
        coalesce(running.campaigns_running, 0) as campaigns_running
    from mailed
    inner join redeemed
        on
            mailed.household_id = redeemed.household_id
            and mailed.as_of_date = redeemed.as_of_date
    left join running
        on
            mailed.household_id = running.household_id
            and mailed.as_of_date = running.as_of_date

)

select * from household_campaigns
