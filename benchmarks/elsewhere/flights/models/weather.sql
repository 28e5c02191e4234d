-- A reading of an hour is known when the hour is over.
select
    origin,
    cast(time_hour as timestamp) + interval 1 hour as read_at,
    temp,
    dewp,
    humid,
    wind_dir,
    wind_speed,
    wind_gust,
    precip,
    pressure,
    visib
from read_csv('{{ var("data") }}/weather.csv', nullstr = 'NA')
