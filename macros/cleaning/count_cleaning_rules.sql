{#- One row per rule of the source: how many rows of the relation it touches. One scan of the relation. -#}
{% macro count_cleaning_rules(source_name, relation) -%}
    {%- set rules = cleaning_rules(source_name) -%}
    {%- for rule in rules %}
    select
        '{{ source_name }}' as source_name,
        '{{ rule.name }}' as rule,
        '{{ rule.action }}' as action,
        '{{ rule.description | replace("'", "''") }}' as description,
        rule_{{ loop.index }} as rows_touched,
        rows_total,
        rows_kept
    from (
        select
            count(*) as rows_total,
            count(case when reject_reason is null then 1 end) as rows_kept
            {%- for counted in rules %},
            count(
                case
                    {%- if counted.action == 'reject' %}
                    when reject_reason = '{{ counted.name }}' then 1
                    {%- else %}
                    when {{ counted.condition }} then 1
                    {%- endif %}
                end
            ) as rule_{{ loop.index }}
            {%- endfor %}
        from {{ relation }}
    ) as counts
    {%- if not loop.last %}

    union all
    {% endif %}
    {%- endfor %}
{%- endmacro %}
