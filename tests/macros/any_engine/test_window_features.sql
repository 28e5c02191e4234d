-- Finds: a feature that differs from the one worked out by hand.
-- Why: an event at the as-of that counts is a leak; one lost at the window's start makes the feature too small.
-- What to do: see macros/features/window_features.sql.
with

snapshots as (

    select snapshot_rows.*
    from (
        values
        (1, date '2020-01-11'), (1, date '2020-01-12'), (1, date '2020-03-01'),
        (2, date '2020-01-11'), (3, date '2020-01-11')
    ) as snapshot_rows (entity_id, as_of_date)

),

events as (

    select event_rows.*
    from (
        values
        (1, date '2020-01-01', 1.10, 'bread'),
        (1, date '2020-01-04', 2.20, 'milk'),
        (1, date '2020-01-04', null, 'bread'),
        (1, date '2020-01-11', 8.00, 'wine'),
        (2, date '2020-01-03', 5.00, null),
        (2, date '2020-01-12', 9.00, 'wine'),
        (2, null, 9.00, 'wine'),
        (4, date '2020-01-05', 7.00, 'milk')
    ) as event_rows (entity_id, event_date, amount, good)

),

features as (

    {{ window_features(
        snapshots='snapshots', events='events', entity='entity_id', as_of='as_of_date', event_time='event_date',
        windows=[7, 30], counts={'events': '1'}, sums=['amount'], averages={'mean_amount': 'amount'},
        distincts={'goods': 'good'}, rates={'bread_rate': "good = 'bread'"}, minima={'lowest': 'amount'},
        maxima={'highest': 'amount'}, trends={'trend': 'amount'}, lasts={'last_amount': 'amount'},
        recency='days_since_last'
    ) | indent(4) }}

),

expected as (

    select expected_rows.*
    from (
        values
        -- The wine at the as-of does not count; the milk exactly 7 days before it does; bread twice is one good.
        (1, date '2020-01-11', 2, 2.2, 2.2, 2, 3, 3.3, 1.65, 2, 7, 1.0 / 2, 2.0 / 3e0, 2.2, 1.1, 2.2, 2.2, 0.0, 2.2),
        -- A day later the window has left the milk behind and the wine counts.
        (1, date '2020-01-12', 1, 8.0, 8.0, 1, 4, 11.3, 11.3 / 3e0, 3, 1, 0.0, 2.0 / 4, 8.0, 1.1, 8.0, 8.0, null, 8.0),
        -- All is past: only the recency and the last amount remember.
        (1, date '2020-03-01', 0, 0.0, null, 0, 0, 0.0, null, 0, 50, null, null, null, null, null, null, null, 8.0),
        -- A null is no good, and an event without a time never happened.
        (2, date '2020-01-11', 0, 0.0, null, 0, 1, 5.0, 5.0, 0, 8, null, null, null, 5.0, null, 5.0, null, 5.0),
        -- An entity without any event still has its row.
        (3, date '2020-01-11', 0, 0.0, null, 0, 0, 0.0, null, 0, null, null, null, null, null, null, null, null, null)
    ) as expected_rows (
        entity_id, as_of_date, events_7d, amount_7d, mean_amount_7d, goods_7d, events_30d, amount_30d,
        mean_amount_30d, goods_30d, days_since_last, bread_rate_7d, bread_rate_30d, lowest_7d, lowest_30d, highest_7d,
        highest_30d, trend_7d, last_amount
    )

),

compared as (

    select
        expected.entity_id as expected_entity_id,
        features.*
    from expected
    full outer join features
        on
            expected.entity_id = features.entity_id
            and expected.as_of_date = features.as_of_date
            and expected.events_7d = features.events_7d
            and expected.events_30d = features.events_30d
            and expected.goods_7d = features.goods_7d
            and expected.goods_30d = features.goods_30d
            and expected.days_since_last is not distinct from features.days_since_last
            and abs(expected.amount_7d - features.amount_7d) < 1e-9
            and abs(expected.amount_30d - features.amount_30d) < 1e-9
            and abs(coalesce(expected.mean_amount_7d, -1) - coalesce(features.mean_amount_7d, -1)) < 1e-9
            and abs(coalesce(expected.mean_amount_30d, -1) - coalesce(features.mean_amount_30d, -1)) < 1e-9
            and abs(coalesce(expected.bread_rate_7d, -1) - coalesce(features.bread_rate_7d, -1)) < 1e-9
            and abs(coalesce(expected.bread_rate_30d, -1) - coalesce(features.bread_rate_30d, -1)) < 1e-9
            and abs(coalesce(expected.trend_7d, -1) - coalesce(features.trend_7d, -1)) < 1e-9
            and expected.lowest_7d is not distinct from features.lowest_7d
            and expected.lowest_30d is not distinct from features.lowest_30d
            and expected.highest_7d is not distinct from features.highest_7d
            and expected.highest_30d is not distinct from features.highest_30d
            and expected.last_amount is not distinct from features.last_amount

)

select * from compared
where
    expected_entity_id is null
    or entity_id is null
