{# Of all stored predictions one per key: the champion's, or an earlier champion's where the champion has not scored the
   row; of several the latest. Predictions of runs that were never champion are left out.

   `scores` and `champions` are relations with run_id; `champions` says with is_champion which run scores now. #}
{% macro champion_rows(scores, champions, keys) %}
    {%- set columns = martlet.prefixed('scores_', keys) %}
    select *
    from (
        select
            scores_.*,
            champions_.is_champion,
            row_number() over (
                partition by {{ columns }}
                order by case when champions_.is_champion then 0 else 1 end, scores_.scored_at desc, scores_.run_id
            ) as preference
        from {{ scores }} as scores_
        inner join {{ champions }} as champions_
            on scores_.run_id = champions_.run_id
    ) as ranked_
    where preference = 1
{%- endmacro %}
