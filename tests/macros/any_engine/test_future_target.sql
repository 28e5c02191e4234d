-- Finds: a target that differs from the one worked out by hand.
-- Why: an event at the as-of belongs to the target, one at the horizon's end does not; known too early, it leaks.
-- What to do: see macros/features/future_target.sql.
with

snapshots as (

    select snapshot_rows.*
    from (
        values
        (1, 1, date '2020-01-04'), (1, 2, date '2020-01-04'), (1, 1, date '2020-01-11'), (1, 1, date '2020-01-12')
    ) as snapshot_rows (entity_id, shop_id, as_of_date)

),

events as (

    select event_rows.*
    from (
        values
        (1, 1, date '2020-01-04', 2.2), (1, 1, date '2020-01-11', 8.0), (1, 1, date '2020-01-12', null)
    ) as event_rows (entity_id, shop_id, event_date, amount)

),

targets as (

    {{ future_target(
        snapshots='snapshots', events='events', entity=['entity_id', 'shop_id'], as_of='as_of_date',
        event_time='event_date', horizon=7, through="date '2020-01-17'",
        counts={'events_next_week': '1'}, sums={'amount_next_week': 'amount'}, any_event='came', no_event='stayed_away'
    ) | indent(4) }}

),

expected as (

    select expected_rows.*
    from (
        values
        -- The event at the as-of counts, the one seven days later belongs to the next week.
        (1, 1, date '2020-01-04', true, 1, 2.2, true, false),
        -- The same entity at another shop.
        (1, 2, date '2020-01-04', true, 0, 0.0, false, true),
        -- The horizon ends with the last day of the data; a null amount is an event all the same.
        (1, 1, date '2020-01-11', true, 2, 8.0, true, false),
        -- One day more, and nothing is known yet.
        (1, 1, date '2020-01-12', false, null, null, null, null)
    ) as expected_rows (
        entity_id, shop_id, as_of_date, is_closed, events_next_week, amount_next_week, came, stayed_away
    )

),

compared as (

    select
        expected.entity_id as expected_entity_id,
        targets.*
    from expected
    full outer join targets
        on
            expected.entity_id = targets.entity_id
            and expected.shop_id = targets.shop_id
            and expected.as_of_date = targets.as_of_date
            and expected.is_closed = targets.is_closed
            and expected.events_next_week is not distinct from targets.events_next_week
            and expected.amount_next_week is not distinct from targets.amount_next_week
            and expected.came is not distinct from targets.came
            and expected.stayed_away is not distinct from targets.stayed_away

)

select * from compared
where
    expected_entity_id is null
    or entity_id is null
