"""The public models of a project, with what boards and people need to know of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from ml.manifest import Manifest, Node


@dataclass(frozen=True)
class ModelColumn:
    """A column as dbt describes it.

    Of its `config.meta`: `unit` is what it is counted in, `described_in` the model whose columns its values name.
    """

    name: str
    description: str
    type: str
    unit: str = ""
    described_in: str = ""

    @property
    def title(self) -> str:
        """What people call it."""
        return words(self.name)

    @property
    def is_number(self) -> bool:
        """Whether it is counted or measured."""
        return self.type.startswith(("decimal", "numeric", "double", "float", "real", "bigint", "int", "hugeint"))

    @property
    def is_time(self) -> bool:
        """Whether it is a date or a moment."""
        return self.type.startswith(("date", "timestamp"))


@dataclass(frozen=True)
class Model:
    """A public model.

    Attributes:
        key: its unique id for dbt.
        name: its name.
        relation: as the snapshot quotes it.
        description: what one row is.
        owner: who answers for it.
        clock: its `event_time`; empty if it has none.
        columns: its columns by name.
        personal: the columns, in lower case, that hold personal data, here or upstream.
        is_predicted: whether predictions play a part in it.
        path: the file of its YAML or SQL.
    """

    key: str
    name: str
    relation: str
    description: str
    owner: str
    clock: str
    columns: Mapping[str, ModelColumn]
    personal: frozenset[str]
    is_predicted: bool
    path: str

    def is_personal(self, column: str) -> bool:
        """Whether a column holds personal data; case does not count."""
        return column.lower() in self.personal


def public_models(manifest: Manifest, published: Mapping[tuple[str, str], Mapping[str, str]]) -> dict[str, Model]:
    """The models of `access: public` by name.

    Args:
        manifest: says which they are and what their columns mean.
        published: the types of columns by schema and table, as readers get them.
    """
    predicted = set(manifest.downstream(manifest.prediction_sources()))
    found = {}
    for key, node in sorted(manifest.nodes.items()):
        access = (node.get("config") or {}).get("access", node.get("access"))
        if node.get("resource_type") == "model" and access == "public" and node.get("relation_name"):
            types = published.get((node["schema"], node.get("alias") or node["name"]))
            found[node["name"]] = _model(key, node, manifest, types, is_predicted=key in predicted)
    return found


def _model(key: str, node: Node, manifest: Manifest, types: Mapping[str, str] | None, *, is_predicted: bool) -> Model:
    described = {one["name"]: one for one in (node.get("columns") or {}).values()}
    if types is None:  # not published yet
        types = {name: str(one.get("data_type") or "") for name, one in described.items()}
    columns = [_column(name, type_, described.get(name, {})) for name, type_ in types.items()]
    config = node.get("config") or {}
    return Model(
        key=key,
        name=node["name"],
        relation=node["relation_name"],
        description=node.get("description") or "",
        owner=str((config.get("meta") or {}).get("owner") or ""),
        clock=config.get("event_time") or "",
        columns={column.name: column for column in columns},
        personal=frozenset(manifest.personal_columns(key)),
        is_predicted=is_predicted,
        path=str(node.get("original_file_path", "?")),
    )


def _column(name: str, type_: str, node: Node) -> ModelColumn:
    meta = (node.get("config") or {}).get("meta") or node.get("meta") or {}
    return ModelColumn(
        name,
        node.get("description") or "",
        type_.lower(),
        str(meta.get("unit") or ""),
        str(meta.get("described_in") or ""),
    )


def words(name: str) -> str:
    """A name as words: `usual_spend` becomes `Usual spend`."""
    text = name.replace("_", " ")
    return text[:1].upper() + text[1:]
