"""What a number or a table means: in words, as a formula, whose it is, how fresh, and what it is made from."""

from collections.abc import Mapping
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markupsafe import Markup

from ml.boards import periods
from ml.manifest import Node, martlet_meta
from ml.reading.metrics import Metric
from ml.reading.model_rows import visible_columns
from ml.reading.models import Model
from ml.reading.sight import Sight

DIRECTIONS = {"up_is_good": "more is better", "down_is_good": "less is better"}


@dataclass(frozen=True)
class Link:
    """A name, and where it leads if anywhere."""

    text: str
    address: str = ""


@dataclass(frozen=True)
class About:
    """A definition: facts by name, columns with type and description, and what it is made from, layer by layer."""

    title: str
    description: Markup
    facts: tuple[tuple[str, tuple[Link, ...]], ...]
    columns: tuple[tuple[str, str, Markup], ...] = ()
    lineage: tuple[tuple[str, tuple[Link, ...]], ...] = ()
    command: str = ""


def about_metric(metric: Metric, sight: Sight) -> About:
    """The definition of a metric."""
    last = sight.last_day(metric.name)
    parts = tuple(Link(name, f"/about/metric/{name}") for name in metric.inputs)
    facts = {
        "Formula": (Link(metric.formula),),
        "Made from": parts,
        "Owner": (Link(metric.owner),),
        "Unit": (Link(metric.unit),),
        "Good is": (Link(DIRECTIONS.get(metric.direction, "")),),
        "Target": (Link(metric.target_rule),),
        "Data until": (Link(periods.long(last) if last else ""),),
        "Can be cut by": tuple(Link(name) for name in metric.dimensions),
        "Snapshot": (Link(sight.library.reader.version),),
    }
    models = [sight.library.models[name] for name in metric.models if name in sight.library.models]
    return About(
        metric.label,
        _text(metric.description),
        _known(facts),
        lineage=_lineage(models, sight),
        command=f"mf query --metrics {metric.name} --group-by metric_time__month",
    )


def about_model(model: Model, sight: Sight) -> About:
    """The definition of a public model; columns that the caller may not see are left out."""
    last = sight.last_of(model.name)
    facts = {
        "Owner": (Link(model.owner),),
        "Table": (Link(model.relation.replace('"', "")),),
        "Clock": (Link(model.clock),),
        "Data until": (Link(periods.long(last) if last else ""),),
        "Declared in": (Link(model.path),),
        "Snapshot": (Link(sight.library.reader.version),),
    }
    seen = visible_columns(model, sight.caller.role, tuple(model.columns))
    columns = tuple((name, model.columns[name].type, _text(model.columns[name].description)) for name in seen)
    return About(model.name, _text(model.description), _known(facts), columns, _lineage([model], sight))


def _known(facts: Mapping[str, tuple[Link, ...]]) -> tuple[tuple[str, tuple[Link, ...]], ...]:
    return tuple((name, links) for name, links in facts.items() if any(link.text for link in links))


def _text(markdown: str) -> Markup:
    """A description as HTML; what it says in HTML itself is shown as text."""
    return Markup(MarkdownIt("commonmark", {"html": False}).render(markdown))  # noqa: S704 -- html is off


def _lineage(models: list[Model], sight: Sight) -> tuple[tuple[str, tuple[Link, ...]], ...]:
    """What models read, directly or not, by layer."""
    manifest = sight.library.manifest
    layers: dict[str, dict[str, Link]] = {}
    for model in models:
        layers.setdefault("models", {})[model.name] = _link(model.name, sight)
        for key in manifest.upstream(model.key):
            layer, link = _place(manifest.node(key), sight)
            layers.setdefault(layer, {})[link.text] = link
    order = ("models", "predictions", "seeds", "snapshots", "sources")
    return tuple((layer, tuple(layers[layer].values())) for layer in order if layer in layers)


def _place(node: Node, sight: Sight) -> tuple[str, Link]:
    """The layer and the name of a node; a prediction stands for the source that martlet fills with it."""
    kind, name = str(node.get("resource_type")), str(node.get("name"))
    if kind != "source":
        return f"{kind}s", _link(name, sight)
    predicted = martlet_meta(node).get("prediction")
    return ("predictions", Link(str(predicted))) if predicted else ("sources", Link(f"{node['source_name']}.{name}"))


def _link(name: str, sight: Sight) -> Link:
    return Link(name, f"/about/model/{name}" if name in sight.library.models else "")
