"""Gathers what is wrong now, of all that a run or a watch has looked at."""

from collections.abc import Iterable, Iterator, Mapping

from ml import decisions
from ml.declaration import Prediction
from ml.manifest import Manifest, Node
from ml.warehouse import Warehouse
from ml.watch.alerts import Condition
from ml.watch.watch import alarms


def conditions(
    predictions: Iterable[Prediction],
    failed: Mapping[str, str],
    bad: Mapping[str, str],
    manifest: Manifest,
    warehouse: Warehouse,
) -> list[Condition]:
    """All that is wrong now: sources, failures, drift, performance, and runs that wait for approval.

    Args:
        predictions: those that were looked at.
        failed: what went wrong with a prediction, by its name.
        bad: what is wrong with a source, by its unique id.
        manifest: knows the owners of sources.
        warehouse: has what was measured last.
    """
    return [
        *_of_sources(bad, manifest),
        *(one for prediction in predictions for one in _of(prediction, failed, warehouse)),
    ]


def watched(predictions: Iterable[Prediction]) -> set[tuple[str, str]]:
    """The kinds and names that a look at predictions covers."""
    return {(kind, prediction.name) for prediction in predictions for kind in ("drift", "performance", "approval")}


def covered(predictions: Iterable[Prediction], manifest: Manifest, *, is_whole: bool) -> set[tuple[str, str]]:
    """The kinds and names that a run covers besides: sources, failures, and of a whole run all models."""
    found = {("source", _name(node)) for node in manifest.loaded_sources().values()}
    found |= {("failure", prediction.name) for prediction in predictions}
    return found | ({("build", _name(node)) for node in manifest.nodes.values()} if is_whole else set())


def _of_sources(bad: Mapping[str, str], manifest: Manifest) -> Iterator[Condition]:
    for key, message in bad.items():
        node = manifest.node(key)
        owner = ((node.get("config") or {}).get("meta") or {}).get("owner") or ""
        kind = "source" if node.get("resource_type") == "source" else "build"
        remedy = "Mend it; what depends on it is not scored until then, and keeps the predictions from before."
        yield Condition(kind, _name(node), str(owner), message, remedy)


def _of(prediction: Prediction, failed: Mapping[str, str], warehouse: Warehouse) -> Iterator[Condition]:
    name, owner = prediction.name, prediction.owner.name
    if name in failed:
        yield Condition("failure", name, owner, failed[name], f"Mend it, then `martlet run -s {name}`.")
    for alarm in alarms(prediction, warehouse):
        yield Condition(alarm.kind, name, owner, alarm.message, alarm.remedy)
    for run_id, state in decisions.state_of_runs(warehouse, name).items():
        if state == decisions.WAITS:
            remedy = f"`martlet approve {run_id}` or `martlet reject {run_id}`."
            yield Condition("approval", name, owner, f"{run_id} waits for approval", remedy)


def _name(node: Node) -> str:
    name = str(node.get("name", ""))
    return f"{node['source_name']}.{name}" if node.get("resource_type") == "source" else name
