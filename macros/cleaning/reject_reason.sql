{#- The name of the first reject rule that a row meets; null when the row is kept. -#}
{% macro reject_reason(source_name) -%}
    case
        {%- for rule in cleaning_rules(source_name) if rule.action == 'reject' %}
        when {{ rule.condition }} then '{{ rule.name }}'
        {%- endfor %}
    end
{%- endmacro %}
