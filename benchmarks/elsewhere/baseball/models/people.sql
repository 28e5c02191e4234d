-- What is known of a person from the beginning.
select
    playerID,
    make_date(birthYear, coalesce(birthMonth, 7), coalesce(birthDay, 1)) as born_on,
    birthCountry,
    weight,
    height,
    bats,
    throws
from read_parquet('{{ var("data") }}/People.parquet')
