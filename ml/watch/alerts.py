"""Tells owners what is wrong, once when it begins and once when it ends, by whatever channel they have chosen."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from ml import ledger
from ml.errors import AlertError, ProjectError
from ml.settings import from_environment
from ml.tables import SCHEMA
from ml.warehouse import Warehouse

STARTED, ENDED = "started", "ended"
DEFAULT = "default"  # the channels of owners who have none of their own


@dataclass(frozen=True)
class Condition:
    """Something that is wrong now. `kind` and `subject` name it; the message may change while it lasts."""

    kind: str
    subject: str
    owner: str
    message: str
    remedy: str

    @property
    def alert_id(self) -> str:
        """The same for the same condition, whenever it is seen."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"martlet:{self.kind}:{self.subject}"))


@dataclass(frozen=True)
class Event:
    """A condition that began or ended, and since when it lasts."""

    event: str
    condition: Condition
    since: datetime


def channels(variables: Mapping[str, Any]) -> dict[str, list[str]]:
    """The Apprise URLs of each owner, from var `alerts`; `${NAME}` in a URL is taken from the environment.

    Raises:
        ProjectError: the var is no mapping, or the environment lacks a name.
    """
    given = variables.get("alerts") or {}
    if not isinstance(given, Mapping):
        raise ProjectError(f"dbt_project.yml: var 'alerts' must map owners to Apprise URLs, not {given!r}.")
    place = "dbt_project.yml: var 'alerts'"
    return {
        str(owner): [from_environment(url, place, ProjectError) for url in ([urls] if isinstance(urls, str) else urls)]
        for owner, urls in given.items()
    }


def tell(
    conditions: Iterable[Condition],
    looked_at: set[tuple[str, str]],
    warehouse: Warehouse,
    given: Mapping[str, list[str]],
) -> list[Event]:
    """Tell owners what began and what ended since the last time, and put it on record in `ml.alerts`.

    What could not be delivered is not on record, so that the next run tries again.

    Args:
        conditions: what is wrong now.
        looked_at: the kinds and subjects that were looked at; what is known of others stays as it is.
        warehouse: keeps the record.
        given: Apprise URLs by owner, as `channels` gives them.

    Raises:
        AlertError: something could not be delivered; the rest was.
    """
    ledger.create_tables(warehouse)
    now = datetime.now(UTC).replace(tzinfo=None)
    current = {condition.alert_id: condition for condition in conditions}
    known = open_alerts(warehouse)
    begun = [Event(STARTED, one, now) for key, one in current.items() if key not in known]
    ended = [
        Event(ENDED, condition, since)
        for key, (condition, since) in known.items()
        if key not in current and (condition.kind, condition.subject) in looked_at
    ]
    failed, told = [], []
    by_owner: dict[str, list[Event]] = {}
    for event in (*begun, *ended):
        by_owner.setdefault(event.condition.owner, []).append(event)
    for owner, events in sorted(by_owner.items()):
        urls = given.get(owner) or given.get(DEFAULT) or []
        if urls and not _deliver(urls, owner, events):
            failed.append(owner)
            continue
        told += events
        with warehouse.transaction():
            ledger.append(warehouse, "alerts", [_row(event, now) for event in events])
    if failed:
        raise AlertError(
            f"Alerts of {', '.join(failed)} could not be delivered; the next run tries again. Check their URLs in var "
            "'alerts' (`apprise --verbose URL` shows what is wrong)."
        )
    return told


def open_alerts(warehouse: Warehouse) -> dict[str, tuple[Condition, datetime]]:
    """What has begun and not ended, with the moment at which it began."""
    table = warehouse.table(SCHEMA, "alerts")
    if not warehouse.columns(table):
        return {}
    rows = warehouse.query(f"select * from {table} order by happened_at").drop_duplicates("alert_id", keep="last")
    return {
        row["alert_id"]: (
            Condition(row["kind"], row["subject"], row["owner"], row["message"], row["remedy"]),
            pd.Timestamp(row["happened_at"]).to_pydatetime(),
        )
        for row in rows[rows["event"] == STARTED].to_dict("records")
    }


def _row(event: Event, now: datetime) -> dict[str, Any]:
    return {"alert_id": event.condition.alert_id, "event": event.event, "happened_at": now, **vars(event.condition)}


def _deliver(urls: list[str], owner: str, events: list[Event]) -> bool:
    try:
        import apprise
    except ImportError as error:
        raise ProjectError(
            "Var 'alerts' names channels, but Apprise is not installed: `pip install martlet[alerts]`."
        ) from error
    begun = sum(event.event == STARTED for event in events)
    title = f"Martlet: {begun} new" + (f", {len(events) - begun} over" if begun < len(events) else "")
    channel = apprise.Apprise()
    understood = [channel.add(url) for url in urls]
    return all(understood) and bool(channel.notify(title=title, body=_body(owner, events)))


def _body(owner: str, events: list[Event]) -> str:
    lines = [f"For {owner or 'the owner'}:"]
    for event in events:
        one = event.condition
        state = "since" if event.event == STARTED else "OVER. It had lasted since"
        lines += ["", f"{one.kind} of {one.subject}: {one.message}", f"  {state} {event.since:%Y-%m-%d %H:%M} UTC"]
        lines += [f"  What to do: {one.remedy}"] if event.event == STARTED else []
    return "\n".join(lines)
