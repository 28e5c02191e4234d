{#- dbt-duckdb casts plainly, which raises on a bad value; both engines know try_cast. -#}
{% macro safe_cast(field, type) -%}
    try_cast({{ field }} as {{ type }})
{%- endmacro %}
