{% for table in ["qsco", "qsda", "qsgi", "qsmm", "qsni"] %}
    select
        usubjid as subject_id,
        qscat as questionnaire,
        qstestcd as question,
        qsstresn as score,
        cast(qsdtc as date) as answered_on
    from '{{ var("data") }}/{{ table }}.parquet'
    {{ "union all" if not loop.last }}
{% endfor %}
