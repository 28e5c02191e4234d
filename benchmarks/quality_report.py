"""Scores what systems predicted, and compares the scores: wins, ranks, normalised scores and honesty."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import log_loss, mean_absolute_error, roc_auc_score, root_mean_squared_error

Array = NDArray[np.float64]

BINS = 15
MANY_ROWS = 5_000  # of test rows, from which on a calibration error says more than noise
US = "martlet"

# Every score is the higher the better, as with scikit-learn's scorers.
SCORES: dict[str, Callable[[Array, Array], float]] = {
    "roc_auc": lambda y, output: float(roc_auc_score(y, output[:, 1])),
    "neg_log_loss": lambda y, output: -float(log_loss(y, output, labels=np.arange(output.shape[1]))),
    "neg_root_mean_squared_error": lambda y, output: -float(root_mean_squared_error(y, output)),
    "neg_mean_absolute_error": lambda y, output: -float(mean_absolute_error(y, output)),
}


def judged(table: dict[str, Any], y: Array, predicted: pd.DataFrame) -> dict[str, Any]:
    """The score of predictions, and how far their probabilities or intervals are from what happened.

    Args:
        table: its metric and task.
        y: values, or positions of classes, of the test rows.
        predicted: `value` (with `lower` and `upper`, if the system has them), or a column per class, by position.
    """
    if table["task"] == "regression":
        output = predicted["value"].to_numpy(np.float64)
        found: dict[str, Any] = {}
        if "lower" in predicted:
            found["coverage"] = float(((predicted["lower"] <= y) & (y <= predicted["upper"])).mean())
    else:
        output = predicted.to_numpy(np.float64)
        output = output / output.sum(axis=1, keepdims=True)  # float32 sums are not quite one
        found = {"calibration_error": calibration_error(y, output)}
    return {"score": SCORES[table["metric"]](y, output), **found}


def calibration_error(y: Array, output: Array) -> float:
    """Expected calibration error over 15 bins of equal width (Naeini et al., "Obtaining well calibrated", 2015).

    Of two classes the probability of the second is compared with its frequency; of several, the highest probability
    with how often it was right (Guo et al., "On calibration of modern neural networks", 2017).
    """
    if output.shape[1] == 2:
        said, happened = output[:, 1], (y == 1).astype(float)
    else:
        said, happened = output.max(axis=1), (output.argmax(axis=1) == y).astype(float)
    bins = np.minimum((said * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=said - happened, minlength=BINS)
    return float(np.abs(gaps).sum() / len(y))


def ranks(scores: pd.DataFrame) -> pd.DataFrame:
    """Ranks per table (rows) of the systems (columns), 1 the best; ties share the mean, no score is last."""
    return scores.fillna(-np.inf).rank(axis=1, ascending=False)


def normalised(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores per table (rows) scaled so that the best system (columns) has 1 and the worst 0; no score counts 0."""
    low, high = scores.min(axis=1), scores.max(axis=1)
    width = (high - low).where(high > low, 1.0)
    return scores.sub(low, axis=0).div(width, axis=0).where(high > low, 1.0, axis=0).fillna(0.0)


def report(results: list[dict[str, Any]]) -> str:
    """A comparison as Markdown; only tables that every system has tried count in sums."""
    if not results:
        return "No results yet.\n"
    frame = pd.DataFrame({**result, "name": result["table"]["name"]} for result in results)
    if "score" not in frame:
        frame["score"] = np.nan
    systems = sorted(frame["system"].unique(), key=lambda system: (system != US, system))
    tried = frame.groupby("name")["system"].nunique()
    complete = tried.index[tried == len(systems)]
    scores = frame.pivot_table(index="name", columns="system", values="score", dropna=False).reindex(columns=systems)
    facts = {result["table"]["name"]: result["table"] for result in results}
    order = sorted(facts, key=lambda name: facts[name]["rows_train"])
    parts = [
        _about(frame),
        _scores(scores.loc[order], facts),
        _summary(scores.loc[complete], frame[frame["name"].isin(complete)]),
    ]
    ours = frame[(frame["system"] == US) & frame["score"].notna()]
    if len(ours):
        parts.append(_honesty(ours.set_index("name").reindex([n for n in order if n in set(ours["name"])]), facts))
    refusals = frame[frame["refused"].notna()] if "refused" in frame else frame.head(0)
    parts += [f"{row['name']} was trained with --force: {row['refused']}" for _, row in refusals.iterrows()]
    failures = frame[frame["score"].isna()]
    parts += [f"{row['system']} on {row['name']}: {str(row['error'])[-300:]}" for _, row in failures.iterrows()]
    return "\n\n".join(parts) + "\n"


def _about(frame: pd.DataFrame) -> str:
    budgets = ", ".join(f"{seconds:g}" for seconds in sorted(frame["budget"].unique()))
    days = sorted({str(moment)[:10] for moment in frame["started_at"]})
    return f"Budget: {budgets} seconds. Measured from {days[0]} to {days[-1]}. The best score of a table is in bold."


def _scores(scores: pd.DataFrame, facts: dict[str, dict[str, Any]]) -> str:
    rows = []
    for name, row in scores.iterrows():
        table = facts[str(name)]
        best = row.max()
        shown = ["none" if pd.isna(value) else f"**{value:.5g}**" if value == best else f"{value:.5g}" for value in row]
        time = "yes" if table["horizon"] else ""
        about = [table["task"], table["rows_train"], table["rows_test"], table["features"], time, table["metric"]]
        rows.append([name, *about, *shown])
    head = ["table", "task", "train", "test", "features", "time", "metric (higher is better)", *scores.columns]
    return _markdown(head, rows)


def _summary(scores: pd.DataFrame, frame: pd.DataFrame) -> str:
    ranked, relative = ranks(scores), normalised(scores)
    rows = []
    for system in scores.columns:
        mine = frame[frame["system"] == system]
        spent = mine["seconds"] / mine["budget"] if "seconds" in mine else pd.Series(dtype=float)
        rank, count = ranked[system], len(scores.columns)
        rows.append(
            [
                system,
                f"{rank.mean():.2f}",
                int((rank == 1).sum()),
                int((rank == count).sum()),
                f"{relative[system].mean():.3f}",
                f"{spent.mean():.2f}",
                f"{spent.max():.2f}",
                f"{mine['load_before'].mean():.1f}",
            ]
        )
    head = ["system", "mean rank", "wins", "last", "mean normalised score", "time / budget", "worst", "load before"]
    return f"Over the {len(scores)} tables that all systems tried:\n\n" + _markdown(head, rows)


def _honesty(ours: pd.DataFrame, facts: dict[str, dict[str, Any]]) -> str:
    rows, hits = [], []
    for name, row in ours.iterrows():
        value, lower, upper = row["announced"]
        hits.append(bool(lower <= row["score"] <= upper))
        verdict = "yes" if hits[-1] else "better" if row["score"] > upper else "worse"
        shown = [f"{row[key]:.3f}" if pd.notna(row.get(key)) else "" for key in ("calibration_error", "coverage")]
        rows.append([name, f"{value:.5g} ({lower:.5g} to {upper:.5g})", f"{row['score']:.5g}", verdict, *shown])
    head = ["table", "announced (95 %)", "test", "inside", "calibration error", "coverage of 90 %"]
    lines = [f"Martlet's announced interval holds the test score on {sum(hits)} of {len(hits)} tables."]
    large = ours[[facts[str(name)]["rows_test"] > MANY_ROWS for name in ours.index]]
    if "calibration_error" in ours and large["calibration_error"].notna().any():
        worst = large["calibration_error"].max()
        lines.append(f"Its largest calibration error on more than {MANY_ROWS:,} test rows is {worst:.3f}.")
    if "coverage" in ours and ours["coverage"].notna().any():
        lines.append(f"Its 90 % intervals cover {100 * ours['coverage'].mean():.1f} % of test rows, over tables.")
    return " ".join(lines) + "\n\n" + _markdown(head, rows)


def _markdown(head: list[str], rows: list[list[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
