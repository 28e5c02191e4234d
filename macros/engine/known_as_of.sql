{#- Whether a moment is known at var as_of: it lies before, or `ahead_days` after, for plans that are known ahead. Always
    true without the var. The moment is a date or timestamp on the project's clock, or one `in_utc`. -#}
{% macro known_as_of(moment, ahead_days=0, in_utc=false) -%}
    {%- if var('as_of', none) -%}
        {%- set cut = "cast('" ~ var('as_of') ~ "' as timestamp) + interval " ~ ahead_days ~ " day" -%}
        {{ moment }} < {{ martlet.utc_time(cut) if in_utc else cut }}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}
