select * from read_csv('{{ var("data") }}/airports.csv', nullstr = 'NA')
