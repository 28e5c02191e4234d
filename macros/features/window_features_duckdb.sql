{# The fast plan: running totals per entity, looked up by as-of joins just before the as-of and before each window's start;
   their difference is the window.

   Distinct counts become sums too, see chains_of_values; extremes can't, and take window frames, see extremes_before. #}
{% macro duckdb__window_features(snapshots, events, as_of, event_time, windows, plan, recency) %}
    {%- set entity = plan.entity | join(', ') %}
    {%- set asked = martlet.slice_of(snapshots, entity) %}
    {%- set totals = martlet.totals_of(plan) %}
    {%- set halves = [] %}
    {%- for days in windows if plan.trends %}
        {%- do halves.append(days // 2) %}
    {%- endfor %}
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
    {{ martlet.running_totals('events_', entity, event_time, windows, plan, totals) }}
    {%- if plan.minima or plan.maxima %},

    {{ martlet.extremes_before(asked, 'events_', entity, as_of, event_time, windows, plan) }}
    {%- endif %}

    select
        {{ martlet.prefixed('snapshots_', plan.entity) }},
        snapshots_.{{ as_of }}
        {%- for days in windows %}
            {%- set before = 'before_' ~ days ~ 'd_' %}
            {%- for name, expression in plan.counts.items() %},
        cast({{ martlet.total_since(totals[expression], before) }} as bigint) as {{ name }}_{{ days }}d
            {%- endfor %}
            {%- for name, expression in plan.sums.items() %},
        {{ martlet.total_since(totals[expression], before) }} as {{ name }}_{{ days }}d
            {%- endfor %}
            {%- for name, expression in plan.averages.items() %},
        {{ martlet.total_since(totals[expression], before) }}
            / nullif({{ martlet.difference(totals[expression] ~ '_rows_', before) }}, 0) as {{ name }}_{{ days }}d
            {%- endfor %}
            {%- for name in plan.distincts %}
                {%- set column = name ~ '_' ~ days ~ 'd' %},
        cast({{ martlet.difference(column ~ '_began_', before, column ~ '_ended_') }} as bigint) as {{ column }}
            {%- endfor %}
            {%- for name in plan.minima.keys() | list + plan.maxima.keys() | list %},
        extremes_.{{ name }}_{{ days }}d
            {%- endfor %}
            {%- for name, expression in plan.trends.items() %}
                {%- set half, total = 'before_' ~ days // 2 ~ 'd_', totals[expression] ~ '_total_' %},
        {{ martlet.trend_of_halves(
            martlet.difference(total, half), martlet.difference(total, before, now=half), days
        ) }} as {{ name }}_{{ days }}d
            {%- endfor %}
        {%- endfor %}
        {%- for name in plan.lasts %},
        now_.{{ name }}_last_ as {{ name }}
        {%- endfor %}
        {%- if recency %},
        {{ dbt.datediff('now_.event_time_', 'snapshots_.' ~ as_of, 'day') }} as {{ recency }}
        {%- endif %}
    from {{ asked }} as snapshots_
    {#- What carries few columns comes first, as each join sorts what the ones before it have found. #}
    {%- for days in (halves + windows) | unique %}
    asof left join running_ as before_{{ days }}d_
        on {{ martlet.same_entity('before_' ~ days ~ 'd_', 'snapshots_', plan.entity) }}
        and before_{{ days }}d_.event_time_ < snapshots_.{{ as_of }} - interval {{ days }} day
    {%- endfor %}
    asof left join running_ as now_
        on {{ martlet.same_entity('now_', 'snapshots_', plan.entity) }}
        and now_.event_time_ < snapshots_.{{ as_of }}
    {%- if plan.minima or plan.maxima %}
    left join extremes_
        on {{ martlet.same_entity('extremes_', 'snapshots_', plan.entity) }}
        and extremes_.clock_ = epoch_us(cast(snapshots_.{{ as_of }} as timestamp))
        and extremes_.is_asked_
    {%- endif %}
    {%- if totals %}
    cross join scales_
    {%- endif %}
{% endmacro %}
