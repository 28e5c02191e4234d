with

receipts as (

    select * from {{ ref('int_rejected_receipts') }}

),

campaigns as (

    select * from {{ ref('int_rejected_campaigns') }}

),

combined as (

    select * from receipts

    union all

    select * from campaigns

),

final as (

    select
        source_name,
        row_number() over (partition by source_name order by row_key, row_json) as rejection_number,
        reason,
        row_key,
        row_json
    from combined

)

select * from final
