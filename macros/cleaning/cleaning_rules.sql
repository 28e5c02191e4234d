{#- The one place where cleaning rules are written. Staging rejects by them, the audit counts them.
    `reject` conditions see the columns of the source's staging model; `repair` and `flag` conditions
    see the columns of the relation that int_receipt_rule_counts or int_campaign_rule_counts counts. -#}
{% macro cleaning_rules(source_name) -%}

    {%- set volume_types = "'" ~ var('volume_product_types') | join("', '") ~ "'" -%}
    {%- set rules = {

        'transactions': [
            ['missing_key', 'reject', "basket_id is null or product_id is null or household_id is null or store_id is null or transacted_at_utc is null", "A line that cannot be placed: no basket, product, household, store or time."],
            ['empty_line', 'reject', "quantity = 0 and sales_value = 0 and shelf_discount = 0 and coupon_discount = 0 and coupon_match_discount = 0", "A line that carries nothing: no pieces, no money, no discount."],
            ['float_dust', 'repair', "has_float_dust", "An amount that is not a number of cents (such as 1.8e-15) is rounded to cents."],
            ['sold_by_volume', 'repair', "is_sold_by_volume", "Quantity is a volume (fuel): the line counts as one unit and keeps the volume in a column of its own."],
            ['product_not_in_catalogue', 'repair', "not is_in_catalogue", "The product is missing from the catalogue: dim_products gets an inferred row for it."],
            ['coupon_only_line', 'flag', "quantity = 0 and sales_value = 0 and coupon_discount > 0", "A pseudo-product that only carries coupon money; kept, or the coupon discount would not add up."],
            ['sales_without_quantity', 'flag', "quantity = 0 and sales_value > 0", "Money without pieces; kept, counts no unit."],
            ['quantity_without_sales', 'flag', "quantity > 0 and sales_value = 0", "Pieces given away, mostly by a full discount; kept."],
            ['implausible_quantity', 'flag', "quantity > " ~ var('max_plausible_quantity') ~ " and not is_sold_by_volume", "More pieces than var max_plausible_quantity on one line; kept."],
            ['household_without_demographics', 'flag', "not has_demographics", "The household is not among the 801 with demographics; its attributes read as unknown."],
            ['week_disagrees', 'flag', "week_number <> source_week_number", "The source's week is not the week of the local trading day."],
        ],

        'products': [
            ['missing_key', 'reject', "product_id is null", "A product without an id."],
            ['duplicate_key', 'reject', "occurrence > 1", "A second row for the same product; the first is kept."],
            ['missing_category', 'repair', "product_category is null", "No category: reads as unknown."],
            ['missing_type', 'repair', "product_type is null", "No type: reads as unknown."],
            ['merged_department', 'repair', "upper(department) <> source_department", "Seed department_map gives the till's department another name, mostly to merge small or overlapping ones."],
            ['unmapped_department', 'repair', "department is null", "The till's department is not in seed department_map: reads as unknown."],
            ['volume_product_elsewhere', 'repair', "product_type in (" ~ volume_types ~ ") and department <> '" ~ var('volume_department') ~ "'", "Fuel that the till files under another department is moved to var volume_department."],
            ['missing_package_size', 'flag', "package_size is null", "No package size; stays null."],
        ],

        'demographics': [
            ['missing_key', 'reject', "household_id is null", "Demographics of nobody."],
            ['duplicate_key', 'reject', "occurrence > 1", "A second row for the same household; the first is kept."],
            ['missing_home_ownership', 'repair', "home_ownership is null", "Not known whether the home is owned: reads as unknown."],
            ['missing_marital_status', 'repair', "marital_status is null", "Marital status not known: reads as unknown."],
        ],

        'campaign_descriptions': [
            ['missing_key', 'reject', "campaign_id is null or started_on is null or ended_on is null", "A campaign without an id or dates."],
            ['duplicate_key', 'reject', "occurrence > 1", "A second row for the same campaign; the first is kept."],
            ['ends_before_start', 'reject', "ended_on < started_on", "A campaign that ends before it begins."],
            ['begins_before_data', 'flag', "begins_before_data", "Begins before the first trading day: its effect is seen in part."],
            ['ends_after_data', 'flag', "ends_after_data", "Ends after the last trading day: its effect is seen in part."],
        ],

        'campaigns': [
            ['missing_key', 'reject', "campaign_id is null or household_id is null", "A mailing without campaign or household."],
            ['duplicate_key', 'reject', "occurrence > 1", "The same mailing again; the first is kept."],
        ],

        'coupons': [
            ['missing_key', 'reject', "coupon_upc is null or product_id is null or campaign_id is null", "A coupon row without coupon, product or campaign."],
            ['duplicate_key', 'reject', "occurrence > 1", "The same coupon, product and campaign again; the first is kept."],
            ['product_not_in_catalogue', 'repair', "not is_in_catalogue", "The product is missing from the catalogue: dim_products gets an inferred row for it."],
            ['coupon_in_several_campaigns', 'flag', "is_in_several_campaigns", "The coupon belongs to several campaigns: redemptions are joined on coupon and campaign."],
        ],

        'coupon_redemptions': [
            ['missing_key', 'reject', "household_id is null or coupon_upc is null or campaign_id is null or redeemed_on is null", "A redemption without household, coupon, campaign or date."],
            ['duplicate_key', 'reject', "occurrence > 1", "The same redemption on the same day again; the first is kept."],
        ],

        'promotions': [
            ['missing_key', 'reject', "product_id is null or store_id is null or week_number is null", "A placement without product, store or week."],
            ['no_placement', 'reject', "not is_on_display and not is_in_mailer", "Neither on display nor in the mailer: no promotion at all."],
        ],

    } -%}

    {%- set named = [] -%}
    {%- for rule in rules[source_name] -%}
        {%- do named.append({'name': rule[0], 'action': rule[1], 'condition': rule[2], 'description': rule[3]}) -%}
    {%- endfor -%}
    {{ return(named) }}

{%- endmacro %}
