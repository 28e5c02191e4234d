select
    range as test_id,
    ['sugar', 'sodium', 'urea'][cast(range as integer)] as label
from range(1, 4)
