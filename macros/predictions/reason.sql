{# A part (`feature`, `value` or `contribution`) of the n-th strongest reason of a prediction, as text; null beyond the last. #}
{% macro reason(reasons, place, part='feature') -%}
    {{- adapter.dispatch('reason', 'martlet')(reasons, place, part) }}
{%- endmacro %}


{% macro default__reason(reasons, place, part) -%}
    get_json_object({{ reasons }}, '$[{{ place - 1 }}].{{ part }}')
{%- endmacro %}


{% macro duckdb__reason(reasons, place, part) -%}
    json_extract_string({{ reasons }}, '$[{{ place - 1 }}].{{ part }}')
{%- endmacro %}
