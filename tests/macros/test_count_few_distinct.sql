-- Finds: a distinct count that the bitmap gets wrong: repeated values, both ends of the range, no row that counts.
-- Why: the stores of 1.2 million product-weeks are counted by it.
-- What to do: see macros/engine/count_few_distinct.sql.
with

cases as (

    select listed.* from (
        values
        ('a', 0, true),
        ('a', 126, true),
        ('a', 126, false),
        ('b', 5, false)
    ) as listed (grouped_by, store_index, is_counted)

),

counted as (

    select
        grouped_by,
        {{ count_few_distinct('store_index') }} as all_values,
        {{ count_few_distinct('store_index', 'is_counted') }} as counted_values,
        {{ martlet.default__count_few_distinct('store_index', 'is_counted') }} as plainly_counted_values
    from cases
    group by grouped_by

)

select * from counted
where
    (grouped_by = 'a' and (all_values <> 2 or counted_values <> 2))
    or (grouped_by = 'b' and (all_values <> 1 or counted_values <> 0))
    or counted_values <> plainly_counted_values
