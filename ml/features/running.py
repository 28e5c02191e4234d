"""The steps from the events of a view to what is known after each instant: totals, latest values, new values."""

from collections.abc import Sequence

from ml.features.feature import Running
from ml.features.layout import as_named, clauses, grouped_by_each, join, select
from ml.features.names import identifier


def running_steps(name: str, keys: Sequence[str], needs: Sequence[Running]) -> list[tuple[str, str]]:
    """The names and texts of the steps after `<name>_events`, up to the running columns of each key."""
    new = [one for one in needs if one.distinct]
    columns = [*keys, "at_"]
    instants = [*columns, *(as_named(one.gathered, one.name) for one in needs if not one.distinct)]
    return [
        (f"{name}_instants", f"{select(instants)}\nfrom {name}_events\ngroup by {', '.join(columns)}"),
        *(_new(name, keys, new) if new else []),
        (f"{name}_running", _running(name, keys, needs)),
    ]


def _new(name: str, keys: Sequence[str], counted: Sequence[Running]) -> list[tuple[str, str]]:
    """What each key has for the first time: a row for each value, and how many there are at each instant."""
    columns = [identifier(one.distinct) for one in counted]
    first = [select([*keys, "min(at_) as at_", *columns]), f"from {name}_events", grouped_by_each(keys, columns)]
    named = [as_named(key, other) for key, other in zip((*keys, "at_"), _since(keys), strict=True)]
    new = [select([*named, *(as_named(one.gathered, one.name) for one in counted)]), f"from {name}_first"]
    return [
        (f"{name}_first", "\n".join(first)),
        (f"{name}_new", "\n".join([*new, f"group by {', '.join((*keys, 'at_'))}"])),
    ]


def _since(keys: Sequence[str]) -> list[str]:
    """What keys and instants are called where new values are counted; not as where they are joined to."""
    return [*(f"of_{place}" for place, _ in enumerate(keys, 1)), "since_"]


def _running(name: str, keys: Sequence[str], needs: Sequence[Running]) -> str:
    """The running columns after each instant."""
    lines = [*keys, "at_", *(as_named(one.running, one.name) for one in needs)]
    sources = [f"from {name}_instants"]
    if any(one.distinct for one in needs):
        pairs = zip((*keys, "at_"), _since(keys), strict=True)
        same = [f"{name}_instants.{here} = {name}_new.{there}" for here, there in pairs]
        sources.append(join(f"left join {name}_new", same))
    by = f"partition by {', '.join(keys)} order by at_"
    frames = {"so_far": f"so_far as ({by} rows unbounded preceding)"}
    for one in needs:
        if " over last_" in one.running:
            latest = one.running.rsplit("last_", 1)[1]
            frames[f"last_{latest}"] = f"last_{latest} as ({by} rows {int(latest) - 1} preceding)"
    used = [text for frame, text in frames.items() if any(f" over {frame}" in one.running for one in needs)]
    return "\n".join([select(lines), *sources, *clauses("window", used)])


def overall_totals(name: str, totals: Sequence[Running]) -> str:
    """Totals over all keys, after each instant."""
    sums = [f"sum(sum({identifier(one.name)})) over (order by at_)" for one in totals]
    lines = ["at_", *(as_named(total, one.name) for total, one in zip(sums, totals, strict=True))]
    return f"{select(lines)}\nfrom {name}_instants\ngroup by at_"
