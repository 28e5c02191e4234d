{# The as-ofs: `first`, then every so many days up to `last`, one row each in the column `as_of`. Both are SQL dates. #}
{% macro snapshot_dates(every, first, last, as_of='as_of_date') %}
    {{- adapter.dispatch('snapshot_dates', 'martlet')(every, first, last, as_of) }}
{%- endmacro %}


{% macro default__snapshot_dates(every, first, last, as_of) %}
    select explode(sequence({{ first }}, {{ last }}, interval {{ every }} day)) as {{ as_of }}
{%- endmacro %}


{% macro duckdb__snapshot_dates(every, first, last, as_of) %}
    select cast(unnest(generate_series({{ first }}, {{ last }}, interval {{ every }} day)) as date) as {{ as_of }}
{%- endmacro %}
