{# What the fast plan of window_features is made of, step by step: common table expressions, and the difference of two totals. #}

{# The totals of each entity at each instant, and the last known values. Counts are doubles, which add up three times as
   fast as whole numbers, and as exactly. #}
{% macro running_totals(events, entity, event_time, windows, plan) -%}
    {%- set counted = [] %}
    {%- for name in plan.averages %}
        {%- do counted.append(name ~ '_rows_') %}
    {%- endfor %}
    {%- for name in plan.distincts %}
        {%- for days in windows %}
            {%- do counted.extend([name ~ '_' ~ days ~ 'd_began_', name ~ '_' ~ days ~ 'd_ended_']) %}
        {%- endfor %}
    {%- endfor -%}
instants_ as (
        select
            {{ entity }},
            {{ event_time }} as event_time_
            {%- for name, expression in plan.counts.items() %},
            cast(coalesce(sum({{ expression }}), 0) as double) as {{ name }}_
            {%- endfor %}
            {%- for name, expression in plan.sums.items() | list + plan.trends.items() | list %},
            coalesce(sum({{ expression }}), 0) as {{ name }}_
            {%- endfor %}
            {%- for name, expression in plan.averages.items() %},
            coalesce(sum({{ expression }}), 0) as {{ name }}_,
            cast(count({{ expression }}) as double) as {{ name }}_rows_
            {%- endfor %}
            {%- for name, expression in plan.lasts.items() %},
            max({{ expression }}) as {{ name }}_
            {%- endfor %}
        from {{ events }}
        group by {{ entity }}, event_time_
    ),

    running_ as (
        select
            {{ entity }},
            event_time_
            {%- for name in plan.counts.keys() | list + plan.sums.keys() | list + plan.averages.keys() | list + plan.trends.keys() | list %},
            sum({{ name }}_) over so_far_ as {{ name }}_
            {%- endfor %}
            {%- for column in counted %},
            sum(coalesce({{ column }}, 0)) over so_far_ as {{ column }}
            {%- endfor %}
            {%- for name in plan.lasts %},
            last_value({{ name }}_ ignore nulls) over so_far_ as {{ name }}_
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


{# The smallest and largest values of each window, by frames over events and as-ofs together: a frame ends just before its
   own moment, so an event at the as-of is outside. #}
{% macro extremes_before(snapshots, events, entity, as_of, event_time, windows, plan) -%}
moments_ as (
        select
            {{ entity }},
            cast({{ event_time }} as timestamp) as moment_,
            false as is_asked_
            {%- for name, expression in plan.minima.items() %},
            min({{ expression }}) as {{ name }}
            {%- endfor %}
            {%- for name, expression in plan.maxima.items() %},
            max({{ expression }}) as {{ name }}
            {%- endfor %}
        from {{ events }}
        group by {{ entity }}, {{ event_time }}

        union all

        select
            {{ entity }},
            cast({{ as_of }} as timestamp) as moment_,
            true as is_asked_
            {%- for name in plan.minima.keys() | list + plan.maxima.keys() | list %},
            null as {{ name }}
            {%- endfor %}
        from {{ snapshots }}
    ),

    extremes_ as (
        select
            {{ entity }},
            moment_,
            is_asked_
            {%- for days in windows %}
                {%- for name in plan.minima %},
            min({{ name }}) over last_{{ days }}d_ as {{ name }}_{{ days }}d
                {%- endfor %}
                {%- for name in plan.maxima %},
            max({{ name }}) over last_{{ days }}d_ as {{ name }}_{{ days }}d
                {%- endfor %}
            {%- endfor %}
        from moments_
        window
        {%- for days in windows %}
            last_{{ days }}d_ as (
                partition by {{ entity }} order by moment_
                range between interval {{ days }} day preceding and interval 1 microsecond preceding
            ){{ ',' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}


{% macro difference(column, before, earlier=none, now='now_') -%}
    coalesce({{ now }}.{{ column }}, 0) - coalesce({{ before }}.{{ earlier or column }}, 0)
{%- endmacro %}
