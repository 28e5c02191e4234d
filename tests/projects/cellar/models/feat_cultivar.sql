-- Chemistry of wines from one region; every so many-th bottle has lost its label and waits for a prediction.
select
    bottle,
    case when bottle % {{ var('unlabelled_every') }} = 0 then null else cultivar end as cultivar,
    * exclude (bottle, cultivar)
from {{ ref('wines') }}
