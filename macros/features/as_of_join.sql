{# Each row with the latest version of its entity that was known before the as-of: one row each, nulls where none was.

   `versions` is any relation in which an entity has a row for each change, such as a dbt snapshot. Of two versions of one moment
   the greater counts, by `columns` in their order. A version that ended (`valid_to`) before the as-of is not told. #}
{% macro as_of_join(rows, versions, entity, as_of, valid_from, columns, valid_to=none) %}
    {{- adapter.dispatch('as_of_join', 'martlet')(
        rows, versions, [entity] if entity is string else entity, as_of, valid_from, columns, valid_to
    ) }}
{%- endmacro %}


{# The plain meaning, on any engine: all versions before the as-of, of which the latest is kept. #}
{% macro default__as_of_join(rows, versions, entity, as_of, valid_from, columns, valid_to) %}
    select
        {{ martlet.prefixed('ranked_', entity) }},
        ranked_.{{ as_of }}
        {%- for column in columns %},
        ranked_.{{ column }}
        {%- endfor %}
    from (
        select
            {{ martlet.prefixed('rows_', entity) }},
            rows_.{{ as_of }}
            {%- for column in columns %},
            {{ martlet.if_valid('versions_', column, valid_to, 'rows_.' ~ as_of) }} as {{ column }}
            {%- endfor %},
            row_number() over (
                partition by {{ martlet.prefixed('rows_', entity) }}, rows_.{{ as_of }}
                order by versions_.{{ valid_from }} desc, {{ martlet.greatest_first('versions_', columns) }}
            ) as rank_
        from {{ rows }} as rows_
        left join {{ versions }} as versions_
            on {{ martlet.same_entity('versions_', 'rows_', entity) }}
            and versions_.{{ valid_from }} < rows_.{{ as_of }}
    ) as ranked_
    where ranked_.rank_ = 1
{% endmacro %}


{# The fast plan: an as-of join, after the versions of one moment have been made one. #}
{% macro duckdb__as_of_join(rows, versions, entity, as_of, valid_from, columns, valid_to) %}
    select
        {{ martlet.prefixed('rows_', entity) }},
        rows_.{{ as_of }}
        {%- for column in columns %},
        {{ martlet.if_valid('versions_', column, valid_to, 'rows_.' ~ as_of) }} as {{ column }}
        {%- endfor %}
    from {{ rows }} as rows_
    asof left join (
        select *
        from {{ versions }} as all_
        qualify row_number() over (
            partition by {{ martlet.prefixed('all_', entity) }}, all_.{{ valid_from }}
            order by {{ martlet.greatest_first('all_', columns) }}
        ) = 1
    ) as versions_
        on {{ martlet.same_entity('versions_', 'rows_', entity) }}
        and versions_.{{ valid_from }} < rows_.{{ as_of }}
{% endmacro %}


{# A version's column, null once the version had ended. #}
{% macro if_valid(relation, column, valid_to, as_of) -%}
    {%- if valid_to -%}
    case when {{ relation }}.{{ valid_to }} is null or {{ relation }}.{{ valid_to }} >= {{ as_of }} then {{ relation }}.{{ column }} end
    {%- else -%}
    {{ relation }}.{{ column }}
    {%- endif -%}
{%- endmacro %}


{% macro greatest_first(relation, columns) -%}
    {% for column in columns %}{{ relation }}.{{ column }} desc nulls last{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}
