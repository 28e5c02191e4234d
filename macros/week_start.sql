{#- The Monday on which a week of the source begins. -#}
{% macro week_start(week_number) -%}
    date '{{ var("first_week_start") }}' + cast(7 * ({{ week_number }} - 1) as integer)
{%- endmacro %}
