-- Finds: a reason that is not read from its place, or a missing one that is not null.
-- Why: the reasons tell people why a household is on the list.
-- What to do: see macros/predictions/reason.sql.
with

stored as (

    select '[{"feature": "tenure_days", "value": 3, "contribution": -0.5}, {"feature": "stores_28d"}]' as reasons

),

parts as (

    select
        {{ reason('reasons', 1) }} as first_feature,
        {{ reason('reasons', 1, 'contribution') }} as first_contribution,
        {{ reason('reasons', 2) }} as second_feature,
        {{ reason('reasons', 3) }} as third_feature
    from stored

)

select * from parts
where
    first_feature is distinct from 'tenure_days'
    or first_contribution is distinct from '-0.5'
    or second_feature is distinct from 'stores_28d'
    or third_feature is not null
