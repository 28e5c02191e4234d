{# Whether a stored prediction is among the most probable ones that the run's declared capacity allows; null without a
   capacity. `capacity` is the run's decision_capacity, `as_of` the column whose values share one capacity (none: all
   rows share it), `keys` decide between equals. #}
{% macro is_within_capacity(prediction, capacity, keys, as_of=none) -%}
    row_number() over (
        {% if as_of %}partition by {{ as_of }} {% endif %}order by {{ prediction }} desc, {{ keys | join(', ') }}
    ) <= {{ capacity }}
{%- endmacro %}
