{#- A query of one column, date_day: every day from the first to the last date, both included. -#}
{% macro each_day(first_date, last_date) -%}
    {{ return(adapter.dispatch('each_day', 'martlet')(first_date, last_date)) }}
{%- endmacro %}

{% macro duckdb__each_day(first_date, last_date) -%}
    select cast(unnest(generate_series(date '{{ first_date }}', date '{{ last_date }}', interval 1 day)) as date) as date_day
{%- endmacro %}
