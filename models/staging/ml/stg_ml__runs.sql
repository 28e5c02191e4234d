with

source as (

    select * from {{ source('ml', 'runs') }}

),

renamed as (

    select
        -- ids
        run_id,

        -- strings
        prediction as prediction_name,
        task,
        target,
        metric,
        estimator,
        baseline,
        feature_model,
        features,
        declaration,
        declaration_sha256,
        pipeline_uri,
        pipeline_sha256,
        git_commit,
        manifest_sha256,
        data_fingerprint,
        feature_code_sha256,
        versions,
        decision,

        -- numbers
        rows_trained,
        rows_tested,
        positive_rate,
        pipeline_bytes,
        seed,
        seconds,
        core_seconds,
        decision_threshold,
        decision_capacity,

        -- booleans
        is_good,
        is_forced,

        -- dates
        started_at,
        finished_at,
        first_as_of,
        last_as_of,
        tested_from,
        tested_to
    from source

)

select * from renamed
