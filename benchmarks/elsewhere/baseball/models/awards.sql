-- Told at the end of the year.
select
    *,
    make_date(yearID, 12, 31) as told_on
from read_parquet('{{ var("data") }}/AwardsPlayers.parquet')
