{#- One row per rejected row of a staging model: why, under which key, and the whole row. -#}
{% macro rejected_rows(source_name, relation, key) -%}
    select
        '{{ source_name }}' as source_name,
        reject_reason as reason,
        concat_ws('|', {{ key | join(', ') }}) as row_key,
        {{ row_as_json(relation) }} as row_json
    from {{ relation }}
    where reject_reason is not null
{%- endmacro %}
