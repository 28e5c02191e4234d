{#- In an incremental model: whether a row may be newer than what the model holds, or come late (var late_days). True in
    a model that is built as a whole. The newest moment is asked for first: only a constant lets a scan skip the rest. -#}
{% macro only_new(moment) -%}
    {%- set newest = none -%}
    {%- if is_incremental() and execute -%}
        {%- set newest = run_query('select max(' ~ moment ~ ') from ' ~ this).columns[0].values()[0] -%}
    {%- endif -%}
    {%- if newest -%}
        {{ moment }} >= cast('{{ newest }}' as timestamp) - interval {{ var('late_days') }} day
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}
