-- Days on which a clinic was closed: a clock of type date.
select
    hash(range, 'closed clinic') % 8 as clinic_id,
    date '2023-01-01' + cast(hash(range, 'closed on') % 730 as integer) as closed_on
from range(400)
