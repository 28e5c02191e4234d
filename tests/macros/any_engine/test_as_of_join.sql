-- Finds: a version told that was not yet known, no longer valid, or not the latest; by either plan.
-- Why: an attribute that changes must be told as it was at the as-of, or training knows what scoring can't.
-- What to do: see macros/features/as_of_join.sql.
with

wanted as (

    select wanted_rows.*
    from (
        values
        (1, timestamp '2020-01-01 00:00'), (1, timestamp '2020-01-05 12:00'), (1, timestamp '2020-01-05 12:01'),
        (1, timestamp '2020-03-01 00:00'), (2, timestamp '2020-01-10 00:00'), (3, timestamp '2020-01-10 00:00'),
        (4, timestamp '2020-01-10 00:00')
    ) as wanted_rows (entity_id, as_of)

),

versions as (

    select version_rows.*
    from (
        values
        (1, timestamp '2020-01-01 00:00', timestamp '2020-01-05 12:00', 'bronze', 1),
        (1, timestamp '2020-01-05 12:00', timestamp '2020-02-01 00:00', 'silver', 2),
        -- Two versions of one moment: the greater counts, as a whole.
        (2, timestamp '2020-01-02 00:00', null, 'bronze', 9),
        (2, timestamp '2020-01-02 00:00', null, 'gold', 3),
        -- Known only later.
        (4, timestamp '2020-01-10 00:00', null, 'gold', 4)
    ) as version_rows (entity_id, valid_from, valid_to, tier, points)

),

found_fast as (

    {{ as_of_join(
        rows='wanted', versions='versions', entity='entity_id', as_of='as_of', valid_from='valid_from',
        columns=['tier', 'points'], valid_to='valid_to'
    ) | indent(4) }}

),

found_plain as (

    {{ default__as_of_join('wanted', 'versions', ['entity_id'], 'as_of', 'valid_from', ['tier', 'points'], 'valid_to')
        | indent(4) }}

),

expected as (

    select expected_rows.*
    from (
        values
        -- At the very moment of a version it is not known yet.
        (1, timestamp '2020-01-01 00:00', null, null),
        (1, timestamp '2020-01-05 12:00', 'bronze', 1),
        (1, timestamp '2020-01-05 12:01', 'silver', 2),
        -- The last version has ended.
        (1, timestamp '2020-03-01 00:00', null, null),
        (2, timestamp '2020-01-10 00:00', 'gold', 3),
        -- An entity without any version still has its row.
        (3, timestamp '2020-01-10 00:00', null, null),
        (4, timestamp '2020-01-10 00:00', null, null)
    ) as expected_rows (entity_id, as_of, tier, points)

),

found as (

    select
        'fast' as plan,
        entity_id,
        as_of,
        tier,
        points
    from found_fast
    union all
    select
        'plain' as plan,
        entity_id,
        as_of,
        tier,
        points
    from found_plain

),

judged as (

    select
        found.plan,
        found.entity_id,
        found.as_of,
        count(expected.entity_id) as expected_rows,
        count(*) over (partition by found.plan) as rows_found
    from found
    left join expected
        on
            found.entity_id = expected.entity_id
            and found.as_of = expected.as_of
            and found.tier is not distinct from expected.tier
            and found.points is not distinct from expected.points
    group by found.plan, found.entity_id, found.as_of

)

select * from judged
where
    expected_rows <> 1
    or rows_found <> 7
