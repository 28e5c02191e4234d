"""Reads boards: exposures of `type: dashboard`, whose tiles name metrics and public models, never SQL."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ml.boards.board import (
    Annotations,
    AnyTile,
    Board,
    Filter,
    MetricTile,
    ModelTile,
    RunsTile,
    Targets,
    Where,
    fields_of,
)
from ml.declaration import Owner
from ml.errors import DeclarationError
from ml.keys import check_keys, check_word
from ml.manifest import Manifest, Node, martlet_meta
from ml.reading.models import Model, words
from ml.words import nearest

GRAINS = ("day", "week", "month", "quarter", "year")
TILE_NAME = re.compile(r"[a-z][a-z0-9_]*")
BOARD_KEYS: dict[str, tuple[type, ...]] = {
    "tiles": (list,),
    "filters": (list,),
    "grain": (str,),
    "targets": (dict,),
    "annotations": (dict,),
}
FILTER_KEYS: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "label": (str,),
    "model": (str,),
    "dimensions": (list,),
    "is_required": (bool,),
}
TARGET_KEYS: dict[str, tuple[type, ...]] = {
    "model": (str,),
    "metric": (str,),
    "starts_on": (str,),
    "value": (str,),
    "grain": (str,),
}
ANNOTATION_KEYS: dict[str, tuple[type, ...]] = {"model": (str,), "date": (str,), "label": (str,), "name": (str,)}
TILE_KEYS: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "label": (str,),
    "text": (str,),
    "is_wide": (bool,),
    "where": (dict,),
    "chart": (dict,),
}
METRIC_KEYS: dict[str, tuple[type, ...]] = {
    **TILE_KEYS,
    "metric": (str,),
    "grain": (str,),
    "by": (str,),
    "series": (int,),
}
MODEL_KEYS: dict[str, tuple[type, ...]] = {
    **TILE_KEYS,
    "model": (str,),
    "columns": (list,),
    "order": (list,),
    "rows": (int,),
    "follows_dates": (bool,),
}
RUNS_KEYS: dict[str, tuple[type, ...]] = {**TILE_KEYS, "show": (str,)}


@dataclass(frozen=True)
class Known:
    """What tiles may name: public models, and metrics (label and dimensions by name)."""

    models: Mapping[str, Model]
    labels: Mapping[str, str]
    dimensions: Mapping[str, tuple[str, ...]]

    def model(self, name: str | None, place: str) -> Model:
        """A public model.

        Raises:
            DeclarationError: there is none of the name.
        """
        found = self.models.get(str(name))
        if found is None:
            raise DeclarationError(f"{place}: '{name}' is no public model. {nearest(str(name), self.models)}")
        return found

    def column(self, model: str, name: str | None, place: str) -> str:
        """A column of a model that is known to be public.

        Raises:
            DeclarationError: it has none of the name.
        """
        columns = self.model(model, place).columns
        if name is None or name not in columns:
            raise DeclarationError(f"{place}: {model} has no column '{name}'. {nearest(str(name), columns)}")
        return name

    def dimension(self, metric: str, name: str, place: str) -> str:
        """A dimension by which a metric can be cut.

        Raises:
            DeclarationError: it can't.
        """
        known = self.dimensions[metric]
        if name not in known:
            raise DeclarationError(f"{place}: {metric} can't be cut by '{name}'. {nearest(name, known)}")
        return name


def read_boards(manifest: Manifest, known: Known) -> dict[str, Board]:
    """Every declared board by name.

    Raises:
        DeclarationError: a board that can't be read; the message names file, exposure, tile and key.
    """
    nodes = sorted(manifest.exposures.values(), key=lambda node: str(node["name"]))
    # A dashboard of another tool is an exposure too; ours have tiles.
    return {
        node["name"]: _board(node, known)
        for node in nodes
        if node.get("type") == "dashboard" and "tiles" in martlet_meta(node)
    }


def _board(node: Node, known: Known) -> Board:
    place = f"{node.get('original_file_path', '?')}: exposure '{node['name']}'"
    settings = dict(martlet_meta(node))
    tiles, filters = settings.pop("tiles"), settings.pop("filters", None) or []
    for key, given in (("tiles", tiles), ("filters", filters)):
        if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
            raise DeclarationError(f"{place}: '{key}' must be a list of mappings.")
    check_keys(settings, BOARD_KEYS, f"{place}: config.meta.martlet")
    grain = settings.get("grain") or "month"
    check_word(grain, GRAINS, f"{place}: grain")
    owner = node.get("owner") or {}
    read = [_tile(dict(tile), grain, known, f"{place}: tile {number}") for number, tile in enumerate(tiles, 1)]
    for tile in read:
        if [one.name for one in read].count(tile.name) > 1:
            raise DeclarationError(f"{place}: two tiles are called '{tile.name}'. Give one another 'name'.")
    return Board(
        name=node["name"],
        label=node.get("label") or node["name"],
        description=node.get("description") or "",
        owner=Owner(owner.get("name") or "", owner.get("email") or ""),
        tiles=tuple(read),
        filters=tuple(_filter(dict(one), known, f"{place}: filter {number}") for number, one in enumerate(filters, 1)),
        targets=_targets(settings.get("targets"), known, f"{place}: targets"),
        annotations=_annotations(settings.get("annotations"), known, f"{place}: annotations"),
    )


def _tile(settings: dict[str, Any], grain: str, known: Known, place: str) -> AnyTile:
    kinds: dict[str, Callable[[dict[str, Any], str, Known, str], AnyTile]]
    kinds = {"metric": _metric_tile, "model": _model_tile, "show": _runs_tile}
    named = [kind for kind in kinds if settings.get(kind)]
    if len(named) != 1:
        raise DeclarationError(f"{place}: give one of 'metric', 'model' or 'show: runs'.")
    name = settings.setdefault("name", str(settings[named[0]]))
    if not TILE_NAME.fullmatch(str(name)):
        raise DeclarationError(f"{place}: the name '{name}' must be of small letters, digits and underscores.")
    return kinds[named[0]](settings, grain, known, f"{place} ('{name}')")


def _metric_tile(settings: dict[str, Any], grain: str, known: Known, place: str) -> MetricTile:
    check_keys(settings, METRIC_KEYS, place)
    metric = settings["metric"]
    if metric not in known.labels:
        hint = nearest(metric, known.labels) if known.labels else "Metrics need `martlet[metrics]`, and some declared."
        raise DeclarationError(f"{place}: there is no metric '{metric}'. {hint}")
    grain = settings.get("grain") or grain
    check_word(grain, GRAINS, f"{place}: grain")
    by = settings.get("by") or ""
    if by:
        known.dimension(metric, by, place)
    where = _where(settings, lambda name: known.dimension(metric, name, place))
    common = _common(settings, known.labels[metric], where)
    return MetricTile(**common, metric=metric, grain=grain, by=by, series=_count(settings, "series", 8, place))


def _model_tile(settings: dict[str, Any], _: str, known: Known, place: str) -> ModelTile:
    check_keys(settings, MODEL_KEYS, place)
    model = known.model(settings["model"], place)
    order, chart = settings.get("order") or [], settings.get("chart") or {}
    for name in (*(settings.get("columns") or []), *(one.lstrip("-") for one in order), *fields_of(chart)):
        known.column(model.name, name, place)
    where = _where(settings, lambda name: known.column(model.name, name, place))
    return ModelTile(
        **_common(settings, words(model.name.removeprefix("rpt_")), where),
        model=model.name,
        columns=tuple(settings.get("columns") or model.columns),
        order=tuple(order),
        rows=_count(settings, "rows", 10, place),
        follows_dates=settings.get("follows_dates") is not False,
    )


def _runs_tile(settings: dict[str, Any], _: str, known: Known, place: str) -> RunsTile:
    del known
    check_keys(settings, RUNS_KEYS, place)
    check_word(settings["show"], ("runs",), f"{place}: show")
    return RunsTile(**_common(settings, "Runs", ()))


def _count(settings: Mapping[str, Any], key: str, default: int, place: str) -> int:
    value = settings.get(key)
    if value is not None and value < 1:
        raise DeclarationError(f"{place}: '{key}' must be at least 1, not {value}.")
    return default if value is None else int(value)


def _common(settings: Mapping[str, Any], label: str, where: Where) -> dict[str, Any]:
    return {
        "name": settings["name"],
        "label": settings.get("label") or label,
        "text": settings.get("text") or "",
        "is_wide": bool(settings.get("is_wide")),
        "where": where,
        "chart": settings.get("chart") or {},
    }


def _where(settings: Mapping[str, Any], check: Callable[[str], str]) -> Where:
    given = settings.get("where") or {}
    lists = {check(name): value if isinstance(value, list) else [value] for name, value in given.items()}
    return tuple((name, tuple(_text(one) for one in values)) for name, values in lists.items())


def _text(value: object) -> str:
    """As the database writes a value as text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _filter(settings: dict[str, Any], known: Known, place: str) -> Filter:
    check_keys(settings, FILTER_KEYS, place)
    name = settings.get("name")
    known.column(str(settings.get("model")), name, place)
    dimensions = settings.get("dimensions") or []
    everywhere = {one for names in known.dimensions.values() for one in names}
    for one in dimensions:
        if one not in everywhere:
            raise DeclarationError(f"{place}: no metric has a dimension '{one}'. {nearest(one, everywhere)}")
    label = settings.get("label") or words(str(name))
    return Filter(str(name), label, settings["model"], tuple(dimensions), bool(settings.get("is_required")))


def _targets(settings: Mapping[str, Any] | None, known: Known, place: str) -> Targets | None:
    if settings is None:
        return None
    check_keys(settings, TARGET_KEYS, place)
    grain = settings.get("grain") or "month"
    check_word(grain, GRAINS, f"{place}: grain")
    model = str(settings.get("model"))
    keys = ("metric", "starts_on", "value")
    metric, starts_on, value = (known.column(model, settings.get(key), f"{place}: {key}") for key in keys)
    return Targets(model, metric, starts_on, value, grain)


def _annotations(settings: Mapping[str, Any] | None, known: Known, place: str) -> Annotations | None:
    if settings is None:
        return None
    check_keys(settings, ANNOTATION_KEYS, place)
    model = str(settings.get("model"))
    date, label = (known.column(model, settings.get(key), f"{place}: {key}") for key in ("date", "label"))
    return Annotations(model, date, label, settings.get("name") or "Event")
