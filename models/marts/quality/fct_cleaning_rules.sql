with

receipts as (

    select * from {{ ref('int_receipt_rule_counts') }}

),

campaigns as (

    select * from {{ ref('int_campaign_rule_counts') }}

),

combined as (

    select * from receipts

    union all

    select * from campaigns

),

final as (

    select
        source_name,
        rule,
        action,
        description,
        rows_touched,
        rows_total
    from combined

)

select * from final
