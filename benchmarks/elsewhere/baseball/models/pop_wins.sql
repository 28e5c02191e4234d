-- Who has pitched in a season since 1960, and pitches in the next one too: how many games does he win there?
with

seasons as (

    select
        playerID,
        yearID,
        sum(W) as wins
    from read_parquet('{{ var("data") }}/Pitching.parquet')
    where yearID >= 1960
    group by playerID, yearID

)

select
    seasons.playerID,
    make_date(seasons.yearID + 1, 1, 1) as as_of_date,
    following.wins
from seasons
left join seasons as following
    on
        seasons.playerID = following.playerID
        and seasons.yearID + 1 = following.yearID
where following.wins is not null or seasons.yearID = 2024
