with

ends as (

    select {% if var('as_of') %}cast('{{ var("as_of") }}' as date){% else %}date '2024-12-30'{% endif %} as data_end

),

as_ofs as (

    select cast(unnest(generate_series(date '2024-03-04', data_end, interval 7 day)) as date) as as_of_date
    from ends

),

features as (

    select
        orders.customer_id,
        as_ofs.as_of_date,
        count(*) filter (orders.ordered_on >= as_ofs.as_of_date - 28) as orders_28d,
        count(*) filter (orders.ordered_on >= as_ofs.as_of_date - 7) as orders_7d,
        coalesce(sum(orders.amount) filter (orders.ordered_on >= as_ofs.as_of_date - 28), 0) as amount_28d,
        as_ofs.as_of_date - max(orders.ordered_on) as days_since_order,
        as_ofs.as_of_date - min(orders.ordered_on) as days_as_customer,
        arg_max(orders.channel, orders.ordered_on) as last_channel
    from as_ofs
    inner join {{ ref('orders') }} as orders
        on as_ofs.as_of_date > orders.ordered_on
    group by orders.customer_id, as_ofs.as_of_date

),

returned as (

    select distinct
        features.customer_id,
        features.as_of_date
    from features
    inner join {{ ref('orders') }} as orders
        on
            features.customer_id = orders.customer_id
            and orders.ordered_on >= features.as_of_date
            and orders.ordered_on < features.as_of_date + 14

)

select
    features.*,
    case
        when features.as_of_date + 14 <= ends.data_end
            then
                (returned.customer_id is not null)
                <> ('{{ var("fault") }}' = 'flip' and features.as_of_date >= date '{{ var("fault_from") }}')
    end as orders_again
from features
cross join ends
left join returned
    on
        features.customer_id = returned.customer_id
        and features.as_of_date = returned.as_of_date
