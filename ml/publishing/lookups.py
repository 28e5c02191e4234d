"""Which look-ups by key stand beside a snapshot: what a champion said last about each entity."""

from collections.abc import Iterable

from ml.declaration import Prediction
from ml.publishing.tables import PublicTable
from ml.tables import PREDICTION_COLUMNS, SCHEMA
from ml.warehouse.ansi import literal, quoted
from ml.warehouse.lookups import LookUp


def prediction_lookups(predictions: Iterable[Prediction], tables: Iterable[PublicTable]) -> list[LookUp]:
    """A look-up for each prediction that is published; personal columns are left out."""
    published = {table.name: table for table in tables if table.schema == SCHEMA}
    return [_lookup(one, published[one.name]) for one in predictions if {one.name, "promotions"} <= set(published)]


def _lookup(prediction: Prediction, table: PublicTable) -> LookUp:
    schema, keys = quoted(SCHEMA), ", ".join(quoted(name) for name in prediction.keys)
    official = f"select run_id from {schema}.promotions where prediction = {literal(prediction.name)}"
    query = f"""
        select * from {schema}.{quoted(prediction.name)} where run_id in ({official})
        qualify row_number() over (partition by {keys} order by scored_at desc) = 1
    """
    columns = tuple(name for name in table.columns if name in PREDICTION_COLUMNS or not prediction.is_personal(name))
    return LookUp(prediction.name, query, prediction.entity, prediction.as_of, columns)
