select * from read_csv('{{ var("data") }}/planes.csv', nullstr = 'NA')
