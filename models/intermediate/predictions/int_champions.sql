with

promotions as (

    select * from {{ ref('stg_ml__promotions') }}

),

numbered as (

    select
        *,
        row_number() over (partition by prediction_name order by promoted_at desc, run_id asc) as place,
        row_number() over (partition by prediction_name, run_id order by promoted_at desc) as place_of_run
    from promotions

),

champions as (

    select
        run_id,
        prediction_name,
        actor as promoted_by,
        promotion_reason,
        place = 1 as is_champion,
        promoted_at
    from numbered
    where place_of_run = 1

)

select * from champions
