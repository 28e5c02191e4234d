{# A ratio as double that is null, never an error, where the denominator is 0. #}
{% macro ratio(numerator, denominator) -%}
    cast({{ numerator }} as double) / nullif({{ denominator }}, 0)
{%- endmacro %}
