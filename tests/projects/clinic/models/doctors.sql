select
    range as doctor_id,
    ['general', 'eye', 'skin'][cast(1 + range % 3 as integer)] as specialty
from range(12)
