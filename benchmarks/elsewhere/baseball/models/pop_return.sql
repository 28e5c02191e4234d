-- Who has played in a season since 1970: does he play in the next one too? The last season is to be scored.
with

seasons as (

    select distinct
        playerID,
        yearID
    from read_parquet('{{ var("data") }}/Batting.parquet')
    where yearID >= 1970

)

select
    seasons.playerID,
    make_date(seasons.yearID + 1, 1, 1) as as_of_date,
    case when seasons.yearID < 2024 then following.playerID is not null end as plays_again
from seasons
left join seasons as following
    on
        seasons.playerID = following.playerID
        and seasons.yearID + 1 = following.yearID
