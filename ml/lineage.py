"""The joined lineage of predictions: from sources over features, run and prediction to reports and boards."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ml import ledger
from ml.declaration import Prediction
from ml.errors import WarehouseError
from ml.files import write_whole
from ml.manifest import Manifest, Node, martlet_meta
from ml.pages import render
from ml.warehouse import Warehouse

LAYERS = (
    *("source", "seed", "staging", "intermediate", "mart", "feature", "run", "prediction"),
    *("staged prediction", "report", "board"),
)


@dataclass(frozen=True)
class Place:
    """A station of the lineage; `reads` are the names of those that it is made from."""

    name: str
    layer: str
    description: str
    owner: str
    reads: tuple[str, ...]


def joined_lineage(predictions: Iterable[Prediction], manifest: Manifest, warehouse: Warehouse) -> list[Place]:
    """All that some predictions are made from and that is made from them, layer by layer.

    dbt's own lineage ends at the exposure and begins anew at the source `ml`; here the champion joins both.
    """
    places: dict[str, Place] = {}
    filled = {key: f"ml.{name}" for name in manifest.ml_exposures() for key in _filled(manifest, name)}
    after = set(manifest.downstream(filled))
    for prediction in predictions:
        exposure = manifest.ml_exposures()[prediction.name]
        champion = ledger.champion(warehouse, prediction.name)
        run = champion.run_id if champion else f"{prediction.name}: no champion yet"
        about = "The champion: the run that scores now." if champion else "Nothing scores yet."
        owner, table = prediction.owner.name, f"ml.{prediction.name}"
        places[run] = Place(run, "run", about, owner, (prediction.feature_model,))
        places[table] = Place(table, "prediction", exposure.get("description") or "", owner, (run,))
        readers = manifest.downstream(_filled(manifest, prediction.name))
        # What a report reads besides, such as a calendar, belongs to it too.
        besides = [key for reader in readers for key in manifest.upstream(reader)]
        for key in dict.fromkeys((*manifest.upstream(exposure["unique_id"]), *readers, *besides)):
            if key not in filled:
                place = _place(key, manifest, filled, after)
                places[place.name] = place
    return sorted(places.values(), key=lambda place: (LAYERS.index(place.layer), place.name))


def write_lineage(places: list[Place], folder: Path) -> tuple[Path, Path]:
    """Write the lineage as `lineage.json` and as the page `lineage.html`; returns both paths.

    Raises:
        WarehouseError: the folder can't be written.
    """
    layers = [(layer, [place for place in places if place.layer == layer]) for layer in LAYERS]
    feeds = {place.name: [other.name for other in places if place.name in other.reads] for place in places}
    data, page = folder / "lineage.json", folder / "lineage.html"
    try:
        write_whole(data, json.dumps([asdict(place) for place in places], indent=2))
        write_whole(
            page, render("lineage.html.j2", layers=[(name, found) for name, found in layers if found], feeds=feeds)
        )
    except OSError as error:
        raise WarehouseError(f"The lineage can't be written to {folder}: {error}.") from error
    return data, page


def _filled(manifest: Manifest, prediction: str) -> list[str]:
    sources = manifest.prediction_sources().items()
    return [key for key, node in sources if martlet_meta(node).get("prediction") == prediction]


def _place(key: str, manifest: Manifest, filled: Mapping[str, str], after: set[str]) -> Place:
    node = manifest.node(key)
    parents = (node.get("depends_on") or {}).get("nodes") or []
    reads = tuple(dict.fromkeys(filled.get(parent) or _name(manifest.node(parent)) for parent in parents))
    owner = (node.get("owner") or {}).get("name") or ((node.get("config") or {}).get("meta") or {}).get("owner") or ""
    return Place(_name(node), _layer(node, is_after=key in after), node.get("description") or "", str(owner), reads)


def _name(node: Node) -> str:
    if node.get("resource_type") == "source":
        return f"{node['source_name']}.{node['name']}"
    return str(node.get("name", ""))


def _layer(node: Node, *, is_after: bool) -> str:
    """The layer by kind, and of models by the first folder under their model path."""
    kind = str(node.get("resource_type"))
    if kind in ("source", "seed"):
        return kind
    if kind == "exposure":
        return "board"
    folder = (node.get("fqn") or ["", ""])[1]
    if folder == "staging":
        return "staged prediction" if is_after else "staging"
    known = {"intermediate": "intermediate", "marts": "mart", "features": "feature", "reporting": "report"}
    return known.get(folder) or ("report" if is_after else "intermediate")
