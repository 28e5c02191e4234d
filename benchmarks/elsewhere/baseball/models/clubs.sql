select distinct teamID from read_parquet('{{ var("data") }}/Teams.parquet')
