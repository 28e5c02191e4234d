-- Finds: KPIs that have a target rule but no targets in seed kpi_targets, targets without a rule, and rules
-- with a month of the year missing.
-- Why: a KPI without its target is silently never off target.
-- What to do: add the missing months to seeds/kpi_targets.csv, or `target` to the metric's meta.
with

kpis as (

    select * from {{ ref('dim_kpis') }}

),

kpi_targets as (

    select * from {{ ref('kpi_targets') }}

),

years as (

    select
        kpi,
        extract(year from month_start_date) as target_year,
        count(*) as months
    from kpi_targets
    group by kpi, extract(year from month_start_date)

)

select
    coalesce(kpis.kpi, years.kpi) as kpi,
    kpis.target_rule,
    years.target_year,
    years.months
from kpis
full outer join years on kpis.kpi = years.kpi
where
    (kpis.target_rule is not null and years.months is null)
    or (kpis.target_rule is null and years.months is not null)
    or years.months <> 12
