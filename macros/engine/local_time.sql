{#- A UTC timestamp on the clock of var store_timezone. -#}
{% macro local_time(utc_timestamp) -%}
    {{ return(adapter.dispatch('local_time', 'martlet')(utc_timestamp)) }}
{%- endmacro %}

{#- Built from microseconds, because a cast would read the timestamp on the session's own clock. -#}
{% macro duckdb__local_time(utc_timestamp) -%}
    make_timestamptz(epoch_us({{ utc_timestamp }})) at time zone '{{ var("store_timezone") }}'
{%- endmacro %}
