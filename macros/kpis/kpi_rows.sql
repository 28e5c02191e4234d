{% macro kpi_rows(relation, kpis) -%}
    {#- One select per KPI: `kpis` maps its name to a numerator column and, for a ratio, a denominator column. -#}
    {%- for kpi, parts in kpis.items() %}
    select
        '{{ kpi }}' as kpi,
        grain,
        starts_on,
        cast({{ parts[0] }} as decimal(18, 6)) as numerator,
        cast({{ parts[1] if parts | length > 1 else 'null' }} as decimal(18, 6)) as denominator
    from {{ relation }}
    {%- if not loop.last %}

    union all
    {% endif %}
    {%- endfor %}
{%- endmacro %}
