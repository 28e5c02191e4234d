{# Finds rows whose target is known before its horizon has passed (a leak), or still unknown afterwards. #}
{% test target_is_null_until_closed(model, target, horizon_days, as_of='as_of_date') %}

with

data_days as (

    select max(trading_date) as last_date from {{ ref('fct_baskets') }}

)

select rows_.*
from {{ model }} as rows_
cross join data_days
where
    (rows_.{{ target }} is not null)
    != (rows_.{{ as_of }} + interval {{ horizon_days }} day <= data_days.last_date + interval 1 day)

{% endtest %}
