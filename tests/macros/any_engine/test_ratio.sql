-- Finds: a ratio of whole numbers that is cut off, or a division by 0 that is not null.
-- Why: engines differ on both.
-- What to do: see macros/features/ratio.sql.
with

ratios as (

    select
        {{ ratio('1', '4') }} as one_fourth,
        {{ ratio('1', '0') }} as by_zero

)

select * from ratios
where
    one_fourth <> 0.25
    or by_zero is not null
