{% macro prefixed(relation, columns) -%}
    {% for column in columns %}{{ relation }}.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}


{% macro same_entity(left_relation, right_relation, columns) -%}
    {% for column in columns -%}
        {{ left_relation }}.{{ column }} = {{ right_relation }}.{{ column }}{{ ' and ' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
