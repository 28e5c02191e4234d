{# What came true in the `horizon` days from the as-of on (an event at the as-of belongs to it); null until the whole
   horizon is in the data, whose last complete day is the SQL date `through`.

   `counts` and `sums` map a target's name to an expression on the events; `any_event` and `no_event` name a
   boolean that says whether an event came, or stayed away. `is_closed` says whether the horizon is over. #}
{% macro future_target(
    snapshots, events, entity, as_of, event_time, horizon, through, counts={}, sums={}, any_event=none, no_event=none
) %}
    {%- set keys = [entity] if entity is string else entity %}
    {%- set columns = keys | join(', ') ~ ', ' ~ as_of %}
    with
    due_ as (
        select {{ columns }}, {{ as_of }} + interval {{ horizon }} day as due_at_
        from {{ snapshots }}
    ),

    outcomes_ as (
        -- The window before the due date is the horizon after the as-of.
        {{- martlet.window_features(
            snapshots='due_', events=events, entity=keys, as_of='due_at_', event_time=event_time, windows=[horizon],
            counts=dict(counts, events_='1'), sums=sums
        ) | indent(4) }}
    ),

    judged_ as (
        select
            due_.*,
            due_.due_at_ <= {{ through }} + interval 1 day as is_closed
        from due_
    )

    select
        {{ martlet.prefixed('judged_', keys + [as_of]) }},
        judged_.is_closed
        {%- for name in counts.keys() | list + sums.keys() | list %},
        case when judged_.is_closed then outcomes_.{{ name }}_{{ horizon }}d end as {{ name }}
        {%- endfor %}
        {%- if any_event %},
        case when judged_.is_closed then outcomes_.events__{{ horizon }}d > 0 end as {{ any_event }}
        {%- endif %}
        {%- if no_event %},
        case when judged_.is_closed then outcomes_.events__{{ horizon }}d = 0 end as {{ no_event }}
        {%- endif %}
    from judged_
    inner join outcomes_
        on {{ martlet.same_entity('outcomes_', 'judged_', keys) }}
        and outcomes_.due_at_ = judged_.due_at_
{%- endmacro %}
