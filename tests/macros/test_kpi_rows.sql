-- Finds: a macro kpi_rows that loses a row, mixes up the parts of a ratio, or gives a count a denominator.
-- Why: every KPI report is written with it.
-- What to do: mend the macro in macros/kpis.
with

measured as (

    select
        'week' as grain,
        date '2017-01-02' as starts_on,
        50 as revenue,
        4 as baskets

),

made as (

    {{ kpi_rows('measured', {'revenue': ['revenue'], 'average_basket_value': ['revenue', 'baskets']}) }}

),

expected as (

    select
        'revenue' as kpi,
        'week' as grain,
        date '2017-01-02' as starts_on,
        cast(50 as decimal(18, 6)) as numerator,
        cast(null as decimal(18, 6)) as denominator

    union all

    select
        'average_basket_value' as kpi,
        'week' as grain,
        date '2017-01-02' as starts_on,
        cast(50 as decimal(18, 6)) as numerator,
        cast(4 as decimal(18, 6)) as denominator

),

missing as (

    select * from expected
    except
    select * from made

),

surplus as (

    select * from made
    except
    select * from expected

)

select * from missing
union all
select * from surplus
