with

decisions as (

    select * from {{ ref('stg_ml__decisions') }}

),

prediction_decisions as (

    select
        decision_id,
        prediction_name,
        run_id,
        run_decision,
        actor,
        decision_reason,
        decided_at,
        row_number() over (partition by run_id order by decided_at desc, decision_id asc) = 1 as is_latest_of_run
    from decisions

)

select * from prediction_decisions
