with

lapse as (

    select * from {{ ref('fct_household_lapse_predictions') }}

),

spend as (

    select * from {{ ref('fct_household_spend_predictions') }}

),

households as (

    select * from {{ ref('dim_households') }}

),

latest as (

    select max(as_of_date) as as_of_date from lapse

),

household_risk as (

    select
        lapse.household_id,
        lapse.as_of_date,
        row_number() over (order by lapse.expected_loss desc, lapse.household_id asc) as risk_rank,
        lapse.prediction as lapse_probability,
        lapse.risk_band,
        lapse.is_at_risk,
        lapse.advice,
        lapse.usual_spend,
        lapse.expected_loss,
        cast(spend.prediction as decimal(12, 2)) as expected_spend,
        lapse.days_since_last_basket,
        households.value_band,
        households.age_band,
        households.income_band,
        households.household_composition,
        {{ reason('lapse.reasons', 1) }} as first_reason,
        {{ reason('lapse.reasons', 2) }} as second_reason,
        {{ reason('lapse.reasons', 3) }} as third_reason,
        lapse.run_id,
        lapse.scored_at
    from lapse
    inner join latest
        on lapse.as_of_date = latest.as_of_date
    inner join households
        on lapse.household_id = households.household_id
    left join spend
        on
            lapse.household_id = spend.household_id
            and lapse.as_of_date = spend.as_of_date

)

select * from household_risk
