"""Is what the sources loaded fit to be predicted from? Freshness, volume and schema, before anything is built.

A bad source stops what depends on it, and nothing else; what was predicted before stays in place.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from ml import ledger
from ml.manifest import Manifest, Node
from ml.settings import from_vars
from ml.tables import SCHEMA, TABLES
from ml.warehouse import Warehouse

UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
WEEKS = 8  # of the same weekday that a day is held against
FEWEST_WEEKS = 4
LAST_DAYS = 3  # whose rows must be missing before a source counts as dried up: a holiday is one day
FEWEST_ROWS = 20  # of a usual day; below, counts vary too much by chance


@dataclass(frozen=True)
class Bounds:
    """How many times the usual number of rows is still believed: vars `volume_low` and `volume_high`."""

    low: float = 0.5
    high: float = 1.8

    @classmethod
    def of(cls, variables: Mapping[str, Any]) -> "Bounds":
        """The bounds of a project."""
        return from_vars(cls, "volume", variables)


@dataclass(frozen=True)
class Finding:
    """What a check found of a source; `key` is its unique id for dbt."""

    key: str
    source: str
    table: str
    check: str
    value: float | None
    lower: float | None
    upper: float | None
    is_bad: bool
    message: str


def check_sources(manifest: Manifest, warehouse: Warehouse, bounds: Bounds, now: datetime | None) -> list[Finding]:
    """Check every source that Martlet does not fill itself, and store the findings in `ml.source_health`.

    Args:
        manifest: names the sources, their clocks (`event_time`) and their freshness rules.
        warehouse: reads them, and has in `ml.source_profiles` which columns they had.
        bounds: which volumes are believed.
        now: the moment up to which rows are looked at, and against which freshness is measured; the real one if None.
    """
    ledger.create_tables(warehouse)
    findings = [
        finding
        for key, node in manifest.loaded_sources().items()
        for finding in _check(key, node, warehouse, bounds, now)
    ]
    checked = datetime.now(UTC).replace(tzinfo=None)
    rows = [
        {
            "source_name": one.source,
            "table_name": one.table,
            "check_name": one.check,
            "value": one.value,
            "lower": one.lower,
            "upper": one.upper,
            "is_bad": one.is_bad,
            "message": one.message,
            "checked_at": checked,
        }
        for one in findings
    ]
    with warehouse.transaction():
        ledger.append(warehouse, "source_health", pd.DataFrame(rows, columns=list(TABLES["source_health"])))
    return findings


def bad_sources(findings: list[Finding]) -> dict[str, str]:
    """The unique ids of bad sources, each with what is wrong."""
    bad: dict[str, str] = {}
    for finding in findings:
        if finding.is_bad:
            bad[finding.key] = "; ".join(filter(None, (bad.get(finding.key), finding.message)))
    return bad


def _check(key: str, node: Node, warehouse: Warehouse, bounds: Bounds, now: datetime | None) -> Iterator[Finding]:
    relation, name = warehouse.source(node), f"{node['source_name']}.{node['name']}"
    about = (key, node["source_name"], node["name"])
    columns = warehouse.columns(relation)
    if not columns:
        yield Finding(*about, "schema", None, None, None, is_bad=True, message=f"{name} is not there")
        return
    changed = _changed(node, warehouse, {column.name: column.type for column in columns.values()})
    told = f"{name} has changed: {', '.join(changed)}" if changed else "as before"
    yield Finding(*about, "schema", float(len(changed)), None, 0.0, is_bad=bool(changed), message=told)
    clock = (node.get("config") or {}).get("event_time")
    if clock in columns and columns[clock].kind == "date":
        found = _volume(warehouse, relation, clock, now)
        if found is not None:
            yield _judged(about, name, found, bounds)
    yield from _freshness(about, name, node, warehouse, relation, now)


def _changed(node: Node, warehouse: Warehouse, columns: Mapping[str, str]) -> list[str]:
    """Columns that vanished or changed their type since the source was first described."""
    profiles = warehouse.table(SCHEMA, "source_profiles")
    known = warehouse.query(
        f"select column_name, column_type, profiled_at from {profiles} where source_name = ? and table_name = ? "
        "order by profiled_at",
        [node["source_name"], node["name"]],
    )
    latest = known[known["profiled_at"] == known["profiled_at"].max()]
    before = dict(zip(latest["column_name"], latest["column_type"], strict=True))
    vanished = [f"'{name}' vanished" for name in before if name not in columns]
    retyped = [
        f"'{name}' was {type_}, is {columns[name]}"
        for name, type_ in before.items()
        if columns.get(name, type_) != type_
    ]
    return vanished + retyped


def _volume(warehouse: Warehouse, relation: str, clock: str, now: datetime | None) -> dict[str, float] | None:
    """How many times the usual rows the last whole day had, and the last days; None with too little history."""
    moment, limit = warehouse.quote(clock), now or datetime.max.replace(microsecond=0)
    counted = warehouse.query(
        f"select cast({moment} as date) as day, count(*) as rows from {relation} "
        f"where {moment} < cast(? as timestamp) group by 1",
        [f"{limit:%Y-%m-%d %H:%M:%S}"],
    )
    if counted.empty:
        return None
    days = counted.set_index(pd.to_datetime(counted["day"]))["rows"].sort_index()
    last = pd.Timestamp(now).normalize() - pd.Timedelta(days=1) if now else days.index[-1] - pd.Timedelta(days=1)
    days = days.reindex(pd.date_range(days.index[0], last), fill_value=0)
    usual = pd.concat([days.shift(7 * week) for week in range(1, WEEKS + 1)], axis=1).iloc[-LAST_DAYS:]
    if len(days) < 7 * FEWEST_WEEKS + LAST_DAYS or usual.iloc[-1].median() < FEWEST_ROWS:
        return None
    middle = usual.median(axis=1)
    recent = days.iloc[-LAST_DAYS:]
    return {
        "day": float(recent.iloc[-1] / middle.iloc[-1]),
        "days": float(recent.sum() / middle.sum()),
        "most": float(usual.iloc[-1].max() / middle.iloc[-1]),
    }


def _judged(about: tuple[str, str, str], name: str, found: Mapping[str, float], bounds: Bounds) -> Finding:
    upper = max(bounds.high, found["most"])
    if found["days"] < bounds.low:
        told = f"{name} has {found['days']:.0%} of the usual rows of the last {LAST_DAYS} days"
        return Finding(*about, "volume", found["days"], bounds.low, upper, is_bad=True, message=told)
    is_bad = found["day"] > upper
    told = f"{name} has {found['day']:.1f} times the usual rows of the last whole day" if is_bad else "as usual"
    return Finding(*about, "volume", found["day"], bounds.low, upper, is_bad=is_bad, message=told)


def _freshness(
    about: tuple[str, str, str], name: str, node: Node, warehouse: Warehouse, relation: str, now: datetime | None
) -> Iterator[Finding]:
    """The rule of dbt's own `freshness`: its error threshold is bad, as it is for dbt."""
    config = node.get("config") or {}
    rule = ((config.get("freshness") or node.get("freshness") or {}).get("error_after")) or {}
    clock = node.get("loaded_at_field") or config.get("loaded_at_field") or config.get("event_time")
    if not rule.get("count") or not clock:
        return
    newest = pd.Timestamp(warehouse.query(f"select max({clock}) as newest from {relation}")["newest"][0])
    allowed = rule["count"] * UNITS[rule["period"]]
    age = pd.Timestamp(now or datetime.now(UTC).replace(tzinfo=None)) - newest.tz_localize(None)
    is_bad = bool(age > allowed)
    told = f"{name} was last loaded {age.days} days ago" if is_bad else "fresh"
    days, limit = age / pd.Timedelta(days=1), allowed / timedelta(days=1)
    yield Finding(*about, "freshness", float(days), None, float(limit), is_bad=is_bad, message=told)
