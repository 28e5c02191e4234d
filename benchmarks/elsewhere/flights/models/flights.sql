-- How a flight went is known when it has landed, of a cancelled one six hours after its schedule.
with

scheduled as (

    select
        row_number() over (order by time_hour, minute, carrier, flight, origin) as flight_id,
        cast(time_hour as timestamp) + to_minutes(cast(minute as integer)) as scheduled_at,
        *
    from read_csv('{{ var("data") }}/flights.csv', nullstr = 'NA')

)

select
    flight_id,
    scheduled_at,
    case
        when air_time is null then scheduled_at + interval 6 hour
        else scheduled_at + to_minutes(cast(dep_delay + air_time + 30 as integer))
    end as known_at,
    carrier,
    tailnum,
    origin,
    dest,
    dep_delay,
    arr_delay,
    air_time,
    air_time is null as is_cancelled,
    distance
from scheduled
