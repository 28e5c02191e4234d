{% for table in ["lbch", "lbhe"] %}
    select
        usubjid as subject_id,
        lbcat as category,
        lbtestcd as test,
        lbstresn as result,
        lbstnrlo as normal_from,
        lbstnrhi as normal_to,
        lbnrind as finding,
        try_cast(lbdtc as timestamp) as taken_at
    from '{{ var("data") }}/{{ table }}.parquet'
    {{ "union all" if not loop.last }}
{% endfor %}
