with

kpis as (

    {{ kpi_definitions() }}

),

final as (

    select
        kpi,
        label,
        meaning,
        owner,
        unit,
        direction,
        target_rule
    from kpis

)

select * from final
