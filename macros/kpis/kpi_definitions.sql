{% macro kpi_definitions() -%}
    {#- The metrics that are KPIs, as rows: their YAML is the only place where they are named, owned and judged. -#}
    {%- set kpis = [] -%}
    {%- if execute -%}
        {%- for metric in graph.metrics.values() | sort(attribute='name') -%}
            {%- if not metric.config.meta.part_of -%}
                {%- do kpis.append(metric) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {%- for kpi in kpis %}
    select
        {{ dbt.string_literal(kpi.name) }} as kpi,
        {{ dbt.string_literal(dbt.escape_single_quotes(kpi.label)) }} as label,
        {{ dbt.string_literal(dbt.escape_single_quotes(kpi.description | trim)) }} as meaning,
        {{ dbt.string_literal(kpi.config.meta.owner) }} as owner,
        {{ dbt.string_literal(kpi.config.meta.unit) }} as unit,
        {{ dbt.string_literal(kpi.config.meta.direction) }} as direction,
        {% if kpi.config.meta.target -%}
        {{ dbt.string_literal(dbt.escape_single_quotes(kpi.config.meta.target)) }}
        {%- else -%}
        cast(null as {{ dbt.type_string() }})
        {%- endif %} as target_rule
    {%- if not loop.last %}
    union all
    {%- endif -%}
    {%- else %}
    select
        '' as kpi,
        '' as label,
        '' as meaning,
        '' as owner,
        '' as unit,
        '' as direction,
        '' as target_rule
    where false
    {%- endfor %}
{%- endmacro %}
