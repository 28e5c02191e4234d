-- Finds: a row that is wrongly inside or outside a capacity.
-- Why: people act on these rows; equals must be decided alike at every build.
-- What to do: see macros/predictions/is_within_capacity.sql.
with

scores as (

    select score_rows.*
    from (
        values
        (date '2020-01-01', 1, 0.9, 2, true, true),
        (date '2020-01-01', 2, 0.5, 2, true, true),
        (date '2020-01-01', 3, 0.5, 2, false, false),
        (date '2020-01-08', 1, 0.1, 2, true, false),
        (date '2020-01-08', 2, 0.2, null, null, null)
    ) as score_rows (as_of_date, entity_id, prediction, capacity, expected, expected_of_all)

),

chosen as (

    select
        *,
        {{ is_within_capacity('prediction', 'capacity', ['entity_id'], 'as_of_date') }} as found,
        {{ is_within_capacity('prediction', 'capacity', ['entity_id']) }} as found_of_all
    from scores

)

select * from chosen
where
    found is distinct from expected
    or found_of_all is distinct from expected_of_all
