{% test row_count_between(model, min_rows, max_rows) %}

select counted.row_count
from (select count(*) as row_count from {{ model }}) as counted
where counted.row_count not between {{ min_rows }} and {{ max_rows }}

{% endtest %}
