{% test bands_are_gapless(model, from_column, to_column) %}

select
    ordered.band_from,
    ordered.band_to,
    ordered.next_from
from (
    select
        {{ from_column }} as band_from,
        {{ to_column }} as band_to,
        lead({{ from_column }}) over (order by {{ from_column }}) as next_from
    from {{ model }}
) as ordered
where ordered.band_to is distinct from ordered.next_from

{% endtest %}
