with

receipts as (

    select * from {{ ref('int_receipt_rule_counts') }}

),

campaigns as (

    select * from {{ ref('int_campaign_rule_counts') }}

),

rejected_rows as (

    select * from {{ ref('fct_rejected_rows') }}

),

combined as (

    select * from receipts

    union all

    select * from campaigns

),

counted as (

    select
        source_name,
        max(rows_total) as raw_rows,
        max(rows_kept) as kept_rows
    from combined
    group by source_name

),

rejected as (

    select
        source_name,
        count(*) as rejected_rows
    from rejected_rows
    group by source_name

),

final as (

    select
        counted.source_name,
        counted.raw_rows,
        counted.kept_rows,
        coalesce(rejected.rejected_rows, 0) as rejected_rows
    from counted
    left join rejected on counted.source_name = rejected.source_name

)

select * from final
