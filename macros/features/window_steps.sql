{# What the fast plan of window_features is made of, step by step: common table expressions, and the difference of two totals. #}

{# What is added up: a mapping of SQL to the name of the first feature that wants it. What two share is added up once. #}
{% macro totals_of(plan) %}
    {%- set totals = {} %}
    {%- for kind in ['counts', 'sums', 'averages', 'trends'] %}
        {%- for name, expression in plan[kind].items() if expression not in totals %}
            {%- do totals.update({expression: name}) %}
        {%- endfor %}
    {%- endfor %}
    {{- return(totals) }}
{% endmacro %}


{# By what decimals are multiplied to be whole numbers, so that doubles add them up exactly (and many times as fast as
   decimals of 38 digits); 1 for other types. DuckDB knows it when it plans. #}
{% macro scale_of(expression) -%}
    10.0 ** coalesce(try_cast(regexp_extract(typeof({{ expression }}), '^DECIMAL.*,(\d+)', 1) as integer), 0)
{%- endmacro %}


{# The totals of each entity at each instant, and the last known values. Counts are doubles too. #}
{% macro running_totals(events, entity, event_time, windows, plan, totals) -%}
    {%- set added = [] %}
    {%- for name in totals.values() %}
        {%- do added.append(name ~ '_total_') %}
    {%- endfor %}
    {%- for expression in plan.averages.values() | unique %}
        {%- do added.append(totals[expression] ~ '_rows_') %}
    {%- endfor %}
    {%- for name in plan.distincts %}
        {%- for days in windows %}
            {%- do added.extend([name ~ '_' ~ days ~ 'd_began_', name ~ '_' ~ days ~ 'd_ended_']) %}
        {%- endfor %}
    {%- endfor -%}
{%- if totals %}scales_ as (
        select
            {%- for expression, name in totals.items() %}
            max({{ martlet.scale_of(expression) }}) as {{ name }}_scale_{{ ',' if not loop.last }}
            {%- endfor %}
        from (select * from {{ events }} limit 1) as one_
    ),

    {% endif -%}
    instants_ as (
        select
            {{ entity }},
            {{ event_time }} as event_time_
            {%- for expression, name in totals.items() %},
            sum(
                case
                    when typeof({{ expression }}) like 'DECIMAL%'
                        then round(cast({{ expression }} as double) * {{ martlet.scale_of(expression) }})
                    else cast({{ expression }} as double)
                end
            ) as {{ name }}_total_
            {%- endfor %}
            {%- for expression in plan.averages.values() | unique %},
            cast(count({{ expression }}) as double) as {{ totals[expression] }}_rows_
            {%- endfor %}
            {%- for name, expression in plan.lasts.items() %},
            max({{ expression }}) as {{ name }}_last_
            {%- endfor %}
        from {{ events }}
        group by {{ entity }}, event_time_
    ),

    running_ as (
        select
            {{ entity }},
            event_time_
            {%- for column in added %},
            sum({{ column }}) over so_far_ as {{ column }}
            {%- endfor %}
            {%- for name in plan.lasts %},
            last_value({{ name }}_last_ ignore nulls) over so_far_ as {{ name }}_last_
            {%- endfor %}
        from instants_
        {%- for name in plan.distincts %}
        left join chains_of_{{ name }} using ({{ entity }}, event_time_)
        {%- endfor %}
        window so_far_ as (partition by {{ entity }} order by event_time_ rows unbounded preceding)
    )
{%- endmacro %}


{# Of the occurrences of one value, those no more than a window apart make a chain. A value counts in a window when its
   chain has begun before the as-of and has not ended before the window's start, so chains begun and ended are all that
   needs adding up, per entity and instant. Gaps are whole microseconds: to compare them is twice as fast as intervals. #}
{% macro chains_of_values(name, expression, events, entity, event_time, windows) -%}
    {%- set microseconds_a_day = 86400000000 -%}
    {%- set endless = 9223372036854775807 -%}
occurrences_of_{{ name }} as (
        select distinct
            {{ entity }},
            {{ event_time }} as event_time_,
            {{ expression }} as value_
        from {{ events }}
        where {{ expression }} is not null
    ),

    neighbours_of_{{ name }} as (
        select
            {{ entity }},
            event_time_,
            coalesce(clock_ - lag(clock_) over chain_, {{ endless }}) as since_last_,
            coalesce(lead(clock_) over chain_ - clock_, {{ endless }}) as until_next_
        from (select *, epoch_us(cast(event_time_ as timestamp)) as clock_ from occurrences_of_{{ name }}) as clocked_
        window chain_ as (partition by {{ entity }}, value_ order by clock_)
    ),

    chains_of_{{ name }} as (
        select
            {{ entity }},
            event_time_
            {%- for days in windows %},
            cast(count(*) filter (since_last_ > {{ days * microseconds_a_day }}) as double) as {{ name }}_{{ days }}d_began_,
            cast(count(*) filter (until_next_ > {{ days * microseconds_a_day }}) as double) as {{ name }}_{{ days }}d_ended_
            {%- endfor %}
        from neighbours_of_{{ name }}
        group by {{ entity }}, event_time_
    )
{%- endmacro %}


{% macro difference(column, before, earlier=none, now='now_') -%}
    coalesce({{ now }}.{{ column }}, 0) - coalesce({{ before }}.{{ earlier or column }}, 0)
{%- endmacro %}


{# What was added up since the start of a window, in its own unit. #}
{% macro total_since(name, before) -%}
    ({{ martlet.difference(name ~ '_total_', before) }}) / coalesce(scales_.{{ name }}_scale_, 1)
{%- endmacro %}
