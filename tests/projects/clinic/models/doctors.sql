select
    range as doctor_id,
    ['general', 'eye', 'skin'][cast(1 + range % 3 as integer)] as specialty,
    20 + 5 * (range % 4) as fee
from range(12)
