-- A year of orders; each customer comes at a pace of their own and, with the seasons of their life, more or less often.
with

days as (

    select
        customers.range as customer_id,
        date '2024-01-01' + cast(days.range as integer) as ordered_on,
        -- The chance of an order on this day, in thousandths.
        20 + hash(customers.range, 'pace') % 180 as pace,
        hash(customers.range, (days.range + customers.range) // 28, 'season') % 3 as season,
        days.range as day
    from range(500) as customers
    cross join range(0, 366) as days

),

orders as (

    select
        customer_id,
        ordered_on,
        cast(5 + hash(customer_id, day, 'amount') % 40 as double) as amount,
        ['shop', 'shop', 'web', 'app'][cast(1 + hash(customer_id, day, 'channel') % 4 as integer)] as channel,
        date_diff('week', date '{{ var("fault_from") }}', ordered_on) as weeks_of_fault,
        ordered_on >= date '{{ var("fault_from") }}' as is_late
    from days
    where hash(customer_id, day, 'order') % 1000 < pace * season

)

select
    customer_id,
    ordered_on,
    case '{{ var("fault") }}'
        when 'unit' then amount * case when is_late then 100 else 1 end
        when 'slow' then amount * (1 + 0.2 * greatest(weeks_of_fault, 0))
        else amount
    end as amount,
    case when '{{ var("fault") }}' = 'category' and is_late and channel = 'app' then 'web' else channel end as channel
from orders
cross join range({% if var('fault') == 'doubles' %}2{% else %}1{% endif %}) as copies
where
    {% if var('as_of') %}ordered_on < cast('{{ var("as_of") }}' as timestamp){% else %}true{% endif %}
    and not ('{{ var("fault") }}' = 'stops' and is_late)
    and (is_late or copies.range = 0)
