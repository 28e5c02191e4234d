-- Finds: a key that shows another prediction than the champion's latest.
-- Why: readers must see the run that is champion now, and still see what only earlier champions scored.
-- What to do: see macros/predictions/champion_rows.sql.
with

scores as (

    select score_rows.*
    from (
        values
        (1, 'old', date '2020-01-01'),
        (1, 'new', date '2020-01-02'),
        (1, 'new', date '2020-01-03'),
        (1, 'never', date '2020-01-09'),
        (2, 'new', date '2020-01-02'),
        (2, 'old', date '2020-01-05'),
        (3, 'old', date '2020-01-01'),
        (4, 'never', date '2020-01-01')
    ) as score_rows (entity_id, run_id, scored_at)

),

champions as (

    select champion_rows.*
    from (values ('old', false), ('new', true)) as champion_rows (run_id, is_champion)

),

chosen as (

    {{ champion_rows('scores', 'champions', ['entity_id']) | indent(4) }}

),

expected as (

    select expected_rows.*
    from (
        values
        (1, 'new', date '2020-01-03'), (2, 'new', date '2020-01-02'), (3, 'old', date '2020-01-01')
    ) as expected_rows (entity_id, run_id, scored_at)

),

compared as (

    select
        expected.entity_id as expected_entity_id,
        chosen.entity_id
    from expected
    full outer join chosen
        on
            expected.entity_id = chosen.entity_id
            and expected.run_id = chosen.run_id
            and expected.scored_at = chosen.scored_at

)

select * from compared
where
    expected_entity_id is null
    or entity_id is null
