{#- Before an incremental model is built as of a moment: delete what was not known then, should it hold any. -#}
{% macro forget_unknown(moment, ahead_days=0) -%}
    {%- if is_incremental() -%}
        delete from {{ this }} where not ({{ martlet.known_as_of(moment, ahead_days) }})
    {%- endif -%}
{%- endmacro %}
