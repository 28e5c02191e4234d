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
        cast(avg(case when {{ inside }} then events_.{{ name }} end) as double) as {{ name }}_{{ days }}d
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


{# The fast plan: running totals per entity, looked up by as-of joins just before the as-of and before each window's start;
   their difference is the window. Exact for whole numbers and decimals.

   Distinct counts become sums too, see chains_of_values; extremes can't, and take window frames, see extremes_before. #}
{% macro duckdb__window_features(snapshots, events, as_of, event_time, windows, plan, recency) %}
    {%- set entity = plan.entity | join(', ') %}
    {%- set asked = martlet.slice_of(snapshots, entity) %}
    with asked_ as (
        select
            min({{ as_of }}) - interval {{ windows | max }} day as first_,
            max({{ as_of }}) as last_
        from {{ snapshots }}
    ),

    {#- Only events that the windows reach, unless something looks back without end. Semi joins, because DuckDB takes a
        comparison with a subquery to leave next to nothing, and then plans for that. #}
    events_ as (
        select * from {{ events }} as all_events_
        {%- if asked != snapshots %}
        semi join {{ asked }} as slice_
            on {{ martlet.same_entity('all_events_', 'slice_', plan.entity) }}
        {%- endif %}
        semi join asked_
            on {{ event_time }} < last_
            {%- if not (recency or plan.lasts) %}
            and {{ event_time }} >= first_
            {%- endif %}
    ),
    {% for name, expression in plan.distincts.items() %}
    {{ martlet.chains_of_values(name, expression, 'events_', entity, event_time, windows) }},
    {% endfor %}
    {{ martlet.running_totals('events_', entity, event_time, windows, plan) }}
    {%- if plan.minima or plan.maxima %},

    {{ martlet.extremes_before(asked, 'events_', entity, as_of, event_time, windows, plan) }}
    {%- endif %}

    select
        {{ martlet.prefixed('snapshots_', plan.entity) }},
        snapshots_.{{ as_of }}
        {%- for days in windows %}
            {%- set before = 'before_' ~ days ~ 'd_' %}
            {%- for name in plan.counts %},
        cast({{ martlet.difference(name ~ '_', before) }} as bigint) as {{ name }}_{{ days }}d
            {%- endfor %}
            {%- for name in plan.sums %},
        cast({{ martlet.difference(name ~ '_', before) }} as double) as {{ name }}_{{ days }}d
            {%- endfor %}
            {%- for name in plan.averages %},
        cast({{ martlet.difference(name ~ '_', before) }} as double)
            / nullif({{ martlet.difference(name ~ '_rows_', before) }}, 0) as {{ name }}_{{ days }}d
            {%- endfor %}
            {%- for name in plan.distincts %}
                {%- set column = name ~ '_' ~ days ~ 'd' %},
        cast({{ martlet.difference(column ~ '_began_', before, column ~ '_ended_') }} as bigint) as {{ column }}
            {%- endfor %}
            {%- for name in plan.minima.keys() | list + plan.maxima.keys() | list %},
        extremes_.{{ name }}_{{ days }}d
            {%- endfor %}
            {%- for name in plan.trends %}
                {%- set half = 'before_' ~ days // 2 ~ 'd_' %},
        {{ martlet.trend_of_halves(
            martlet.difference(name ~ '_', half), martlet.difference(name ~ '_', before, now=half), days
        ) }} as {{ name }}_{{ days }}d
            {%- endfor %}
        {%- endfor %}
        {%- for name in plan.lasts %},
        now_.{{ name }}_ as {{ name }}
        {%- endfor %}
        {%- if recency %},
        {{ dbt.datediff('now_.event_time_', 'snapshots_.' ~ as_of, 'day') }} as {{ recency }}
        {%- endif %}
    from {{ asked }} as snapshots_
    asof left join running_ as now_
        on {{ martlet.same_entity('now_', 'snapshots_', plan.entity) }}
        and now_.event_time_ < snapshots_.{{ as_of }}
    {%- if plan.minima or plan.maxima %}
    left join extremes_
        on {{ martlet.same_entity('extremes_', 'snapshots_', plan.entity) }}
        and extremes_.moment_ = cast(snapshots_.{{ as_of }} as timestamp)
        and extremes_.is_asked_
    {%- endif %}
    {%- set looks_back = windows | list %}
    {%- for days in windows if plan.trends %}
        {%- do looks_back.append(days // 2) %}
    {%- endfor %}
    {%- for days in looks_back | unique %}
    asof left join running_ as before_{{ days }}d_
        on {{ martlet.same_entity('before_' ~ days ~ 'd_', 'snapshots_', plan.entity) }}
        and before_{{ days }}d_.event_time_ < snapshots_.{{ as_of }} - interval {{ days }} day
    {%- endfor %}
{% endmacro %}
