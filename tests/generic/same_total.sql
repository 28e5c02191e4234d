{% test same_total(model, column_name, compare_to, compare_column=none) %}

select
    here.total as total_here,
    there.total as total_there
from (select sum({{ column_name }}) as total from {{ model }}) as here
cross join (select sum({{ compare_column or column_name }}) as total from {{ compare_to }}) as there
where here.total is distinct from there.total

{% endtest %}
