select
    bottle,
    case when bottle % {{ var('unlabelled_every') }} = 0 then null else alcohol end as alcohol,
    * exclude (bottle, alcohol)
from {{ ref('wines') }}
