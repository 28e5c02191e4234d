{#- The UTC timestamp at which the clock of var store_timezone shows a timestamp. -#}
{% macro utc_time(local_timestamp) -%}
    {{ return(adapter.dispatch('utc_time', 'martlet')(local_timestamp)) }}
{%- endmacro %}

{% macro duckdb__utc_time(local_timestamp) -%}
    (({{ local_timestamp }}) at time zone '{{ var("store_timezone") }}' at time zone 'UTC')
{%- endmacro %}
