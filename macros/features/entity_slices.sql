{# How many slices of entities a model is built in: `config(meta={'martlet': {'build_in_slices': 16}})`; one by default. #}
{% macro slices_asked() %}
    {%- set slices = ((config.get('meta') or {}).get('martlet') or {}).get('build_in_slices', 1) %}
    {%- if slices is not integer or slices < 1 %}
        {%- do exceptions.raise_compiler_error(
            'config.meta.martlet.build_in_slices is a whole number from 1 on, not ' ~ slices
        ) %}
    {%- endif %}
    {{- return(slices) }}
{% endmacro %}


{# Which slices a compiled model takes: all of them, so that it means the same wherever it is run as it stands. #}
{% macro all_slices() -%}
    {% set slices = martlet.slices_asked() -%}
    % {{ slices }} in ({{ range(slices) | join(', ') }})
{%- endmacro %}


{# A relation, or, in a model built in slices, those of its rows whose entity is in the slice. #}
{% macro slice_of(relation, entity) -%}
    {% if martlet.slices_asked() > 1 -%}
    (select * from {{ relation }} where hash({{ entity }}) {{ martlet.all_slices() }})
    {%- else -%}
    {{ relation }}
    {%- endif %}
{%- endmacro %}


{# A table of a model in slices is made of the first and grows by the others, one statement each: only one slice at a time
   is in memory. #}
{% macro duckdb__create_table_as(temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none) -%}
    {%- set slices = martlet.slices_asked() if language == 'sql' else 1 %}
    {%- set every = martlet.all_slices() %}
    {%- if slices > 1 and every not in compiled_code %}
        {%- do exceptions.raise_compiler_error(
            'The model has config.meta.martlet.build_in_slices, but nothing in it is sliced, so its rows would be stored '
            ~ slices ~ ' times: use window_features or slice_of, or take the key out.'
        ) %}
    {%- endif %}
    {%- set first = compiled_code if slices == 1 else compiled_code.replace(every, '% ' ~ slices ~ ' = 0') %}
    {{- dbt.duckdb__create_table_as(temporary, relation, first, language, partitioned_by, sorted_by) }}
    {%- for slice in range(1, slices) %};
    insert into {{ relation.include(database=(not temporary), schema=(not temporary)) }} by name (
        {{ compiled_code.replace(every, '% ' ~ slices ~ ' = ' ~ slice) }}
    )
    {%- endfor %}
{%- endmacro %}
