select * from read_csv('{{ var("data") }}/airlines.csv')
