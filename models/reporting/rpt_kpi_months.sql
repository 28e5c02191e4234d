with

kpis as (

    select * from {{ ref('dim_kpis') }}

),

kpi_values as (

    select * from {{ ref('fct_kpi_values') }}

),

kpi_targets as (

    select * from {{ ref('kpi_targets') }}

),

months as (

    select
        kpi,
        starts_on as month_start_date,
        cast(starts_on - interval 1 month as date) as previous_month_start_date,
        numerator,
        denominator,
        kpi_value
    from kpi_values
    where grain = 'month'

),

final as (

    select
        months.kpi,
        months.month_start_date,
        kpis.label,
        kpis.owner,
        kpis.unit,
        kpis.direction,
        months.numerator,
        months.denominator,
        months.kpi_value,
        cast(kpi_targets.target_value as double) as target_value,
        months.kpi_value - cast(kpi_targets.target_value as double) as gap,
        case
            when kpis.direction = 'up_is_good' then months.kpi_value >= cast(kpi_targets.target_value as double)
            when kpis.direction = 'down_is_good' then months.kpi_value <= cast(kpi_targets.target_value as double)
        end as is_on_target,
        previous_months.kpi_value as previous_value
    from months
    inner join kpis on months.kpi = kpis.kpi
    left join kpi_targets
        on
            months.kpi = kpi_targets.kpi
            and months.month_start_date = kpi_targets.month_start_date
    left join months as previous_months
        on
            months.kpi = previous_months.kpi
            and months.previous_month_start_date = previous_months.month_start_date

)

select * from final
