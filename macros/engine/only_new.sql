{#- In an incremental model: whether a row may be newer than what the model holds in `column` (the moment's own name, if left
    out), or come late (var late_days). True in a model that is built as a whole. What settles only days after its moment, as
    an outcome does, is taken up again for `settles_after_days` more. The newest moment is asked for first, and brought to
    UTC for a moment that is `in_utc`: only a constant lets a scan skip the rest. -#}
{% macro only_new(moment, column=none, settles_after_days=0, in_utc=false) -%}
    {%- set newest = none -%}
    {%- if is_incremental() and execute -%}
        {%- set newest = run_query('select max(' ~ (column or moment) ~ ') from ' ~ this).columns[0].values()[0] -%}
    {%- endif -%}
    {%- if newest -%}
        {%- set days = var('late_days') + settles_after_days -%}
        {%- set cut = "cast('" ~ newest ~ "' as timestamp) - interval " ~ days ~ " day" -%}
        {{ moment }} >= {{ martlet.utc_time(cut) if in_utc else cut }}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}
