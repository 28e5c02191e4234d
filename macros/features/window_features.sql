{# Features of an event relation over windows of days that end strictly before the as-of.

   `counts`, `sums`, `averages`, `distincts`, `minima`, `maxima`, `trends` and `lasts` are column lists, or mappings of a
   feature's name to an SQL expression on the events; `rates` maps names to conditions. Each yields one column
   `<name>_<days>d` per window, but `lasts`, whose columns have the plain name. Counts and sums are 0 without an event, all
   others null. `recency` names a column with the days since the last event before the as-of (null when there is none). #}
{% macro window_features(
    snapshots, events, entity, as_of, event_time, windows,
    counts=[], sums=[], averages=[], distincts=[], rates={}, minima=[], maxima=[], trends=[], lasts=[], recency=none
) %}
    {%- set plan = {'entity': [entity] if entity is string else entity} %}
    {%- set kinds = {
        'counts': counts, 'sums': sums, 'averages': averages, 'distincts': distincts,
        'minima': minima, 'maxima': maxima, 'trends': trends, 'lasts': lasts
    } %}
    {%- for kind, columns in kinds.items() %}
        {%- set named = {} %}
        {%- for column in columns %}
            {%- do named.update({column: columns[column] if columns is mapping else column}) %}
        {%- endfor %}
        {%- do plan.update({kind: named}) %}
    {%- endfor %}
    {%- if trends and windows | min < 2 %}
        {%- do exceptions.raise_compiler_error('window_features: trends need windows of 2 days or more, not ' ~ windows) %}
    {%- endif %}
    {%- for name, condition in rates.items() %}
        {%- set is_met = 'case when ' ~ condition ~ ' then 1.0 when not (' ~ condition ~ ') then 0.0 end' %}
        {%- do plan.averages.update({name: is_met}) %}
    {%- endfor %}
    {{- adapter.dispatch('window_features', 'martlet')(snapshots, events, as_of, event_time, windows, plan, recency) }}
{%- endmacro %}


{# The plain meaning, on any engine: join each as-of to all that happened before it. #}
{% macro default__window_features(snapshots, events, as_of, event_time, windows, plan, recency) %}
    select
        {{ martlet.prefixed('snapshots_', plan.entity) }},
        snapshots_.{{ as_of }}
        {%- for days in windows %}
            {%- set inside = 'events_.event_time_ >= snapshots_.' ~ as_of ~ ' - interval ' ~ days ~ ' day' %}
            {%- for name in plan.counts %},
        coalesce(cast(sum(case when {{ inside }} then events_.{{ name }} end) as bigint), 0) as {{ name }}_{{ days }}d
            {%- endfor %}
            {%- for name in plan.sums %},
        coalesce(cast(sum(case when {{ inside }} then events_.{{ name }} end) as double), 0) as {{ name }}_{{ days }}d
            {%- endfor %}
            {%- for name in plan.averages %},
        avg(case when {{ inside }} then cast(events_.{{ name }} as double) end) as {{ name }}_{{ days }}d
            {%- endfor %}
            {%- for name in plan.distincts %},
        count(distinct case when {{ inside }} then events_.{{ name }} end) as {{ name }}_{{ days }}d
            {%- endfor %}
            {%- for name in plan.minima %},
        min(case when {{ inside }} then events_.{{ name }} end) as {{ name }}_{{ days }}d
            {%- endfor %}
            {%- for name in plan.maxima %},
        max(case when {{ inside }} then events_.{{ name }} end) as {{ name }}_{{ days }}d
            {%- endfor %}
            {%- set late = 'events_.event_time_ >= snapshots_.' ~ as_of ~ ' - interval ' ~ days // 2 ~ ' day' %}
            {%- for name in plan.trends %},
        {{ martlet.trend_of_halves(
            'coalesce(sum(case when ' ~ late ~ ' then events_.' ~ name ~ ' end), 0)',
            'coalesce(sum(case when ' ~ inside ~ ' and not (' ~ late ~ ') then events_.' ~ name ~ ' end), 0)', days
        ) }} as {{ name }}_{{ days }}d
            {%- endfor %}
        {%- endfor %}
        {%- for name in plan.lasts %},
        max(last_{{ name }}_.value_) as {{ name }}
        {%- endfor %}
        {%- if recency %},
        cast({{ dbt.datediff('max(events_.event_time_)', 'snapshots_.' ~ as_of, 'day') }} as bigint) as {{ recency }}
        {%- endif %}
    from {{ snapshots }} as snapshots_
    left join (
        select
            {{ plan.entity | join(', ') }},
            {{ event_time }} as event_time_
            {%- for kind in ['counts', 'sums', 'averages', 'distincts', 'minima', 'maxima', 'trends'] -%}
                {%- for name, expression in plan[kind].items() %},
            {{ expression }} as {{ name }}
                {%- endfor -%}
            {%- endfor %}
        from {{ events }}
    ) as events_
        on {{ martlet.same_entity('events_', 'snapshots_', plan.entity) }}
        and events_.event_time_ < snapshots_.{{ as_of }}
    {%- for name, expression in plan.lasts.items() %}
    left join (
        select
            {{ plan.entity | join(', ') }},
            {{ event_time }} as event_time_,
            max({{ expression }}) as value_,
            lead({{ event_time }}) over (partition by {{ plan.entity | join(', ') }} order by {{ event_time }}) as next_time_
        from {{ events }}
        where {{ expression }} is not null
        group by {{ plan.entity | join(', ') }}, {{ event_time }}
    ) as last_{{ name }}_
        on {{ martlet.same_entity('last_' ~ name ~ '_', 'snapshots_', plan.entity) }}
        and last_{{ name }}_.event_time_ < snapshots_.{{ as_of }}
        and (last_{{ name }}_.next_time_ is null or last_{{ name }}_.next_time_ >= snapshots_.{{ as_of }})
    {%- endfor %}
    group by {{ martlet.prefixed('snapshots_', plan.entity) }}, snapshots_.{{ as_of }}
{% endmacro %}


{# How much more a day the later half of a window holds than the earlier half; null if the earlier half holds nothing. #}
{% macro trend_of_halves(late, early, days) -%}
    (cast({{ late }} as double) / {{ days // 2 }}) / nullif(cast({{ early }} as double) / {{ days - days // 2 }}, 0)
{%- endmacro %}
