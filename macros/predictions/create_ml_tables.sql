{# Creates the missing tables of the source `ml`, empty, with the columns and types that its YAML gives them, and adds
   columns that tables of an earlier version lack. Run at the start, it lets a project build before the first prediction;
   what exists already stays as it is. #}
{% macro create_ml_tables() %}
    {% if execute %}
        {% for table in graph.sources.values() | selectattr('source_name', 'equalto', 'ml') %}
            {% set relation = api.Relation.create(
                database=table.database, schema=table.schema, identifier=table.identifier
            ) %}
            {% if loop.first %}{% do adapter.create_schema(relation) %}{% endif %}
            {% call statement(auto_begin=false) %}
                create table if not exists {{ relation }} (
                    {%- for column in table.columns.values() %}
                    {{ adapter.quote(column.name) }} {{ column.data_type }}{{ ',' if not loop.last }}
                    {%- endfor %}
                )
            {% endcall %}
            {% call statement('described', fetch_result=true, auto_begin=false) %}describe {{ relation }}{% endcall %}
            {% set known = load_result('described').table.columns[0].values() %}
            {% for column in table.columns.values() if column.name not in known %}
                {% call statement(auto_begin=false) %}
                    alter table {{ relation }} add column {{ adapter.quote(column.name) }} {{ column.data_type }}
                {% endcall %}
            {% endfor %}
        {% endfor %}
    {% endif %}
{% endmacro %}
