{# The smallest and largest values of each window, by frames over events and as-ofs together: a frame ends just before its
   own moment, so an event at the as-of is outside. #}
{% macro extremes_before(snapshots, events, entity, as_of, event_time, windows, plan) -%}
    {%- set microseconds_a_day = 86400000000 -%}
moments_ as (
        select
            {{ entity }},
            epoch_us(cast({{ event_time }} as timestamp)) as clock_,
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
            epoch_us(cast({{ as_of }} as timestamp)) as clock_,
            true as is_asked_
            {%- for name in plan.minima.keys() | list + plan.maxima.keys() | list %},
            null as {{ name }}
            {%- endfor %}
        from {{ snapshots }}
    ),

    extremes_ as (
        select
            {{ entity }},
            clock_,
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
                partition by {{ entity }} order by clock_
                range between {{ days * microseconds_a_day }} preceding and 1 preceding
            ){{ ',' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}
