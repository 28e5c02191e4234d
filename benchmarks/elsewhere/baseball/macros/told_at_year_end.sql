{#- A file of the package whose rows are known when their year is over. -#}
{% macro told_at_year_end(file) -%}
select
    *,
    make_date(yearID, 12, 31) as told_on
from read_parquet('{{ var("data") }}/{{ file }}.parquet')
{%- endmacro %}
