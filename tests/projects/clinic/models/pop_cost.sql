select
    visit_id,
    patient_id,
    visited_at,
    kind,
    cost
from {{ ref('visits') }}
