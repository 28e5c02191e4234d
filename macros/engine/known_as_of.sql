{#- Whether a moment is known at var as_of: it lies before, or `ahead_days` after, for plans that are known ahead. Always
    true without the var. The moment is a date or timestamp on the project's clock. -#}
{% macro known_as_of(moment, ahead_days=0) -%}
    {%- if var('as_of', none) -%}
        {{ moment }} < cast('{{ var("as_of") }}' as timestamp) + interval {{ ahead_days }} day
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}
