{#- A whole row as JSON text; takes the alias under which its table stands in the from clause. -#}
{% macro row_as_json(table_alias) -%}
    {{ return(adapter.dispatch('row_as_json', 'martlet')(table_alias)) }}
{%- endmacro %}

{% macro duckdb__row_as_json(table_alias) -%}
    cast(to_json({{ table_alias }}) as varchar)
{%- endmacro %}
