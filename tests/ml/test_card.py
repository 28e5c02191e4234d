"""The page tells what the rows tell, and needs nothing but itself."""

import json
import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml.account import Account, account
from ml.card import Card, render_card, write_card
from ml.charts import NOTHING, number
from ml.declaration import Decision, Prediction
from ml.errors import CardError
from ml.learning.dataset import make_dataset
from ml.learning.evaluate import importances, metric_table, predict_output
from ml.learning.search import search
from ml.learning.split import split_rows
from tests.ml.frames import KINDS, declare, declare_spend, weekly

VOID = {"meta", "line", "polyline", "polygon", "circle", "rect", "link", "br"}


@dataclass
class Page(HTMLParser):
    """A parsed page: its tags with their attributes, its tables by the heading above them, and its text."""

    html: str
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    tables: list[tuple[str, list[list[str]]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    heading: str = ""
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)
        assert self.open == [], "every tag is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.heading = ""
        elif tag == "table":
            self.tables.append((self.heading, []))
        elif tag == "tr":
            self.tables[-1][1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][1][-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        inside = self.open[-1] if self.open else ""
        if re.fullmatch("h[1-6]", inside):
            self.heading += data
        if inside in ("td", "th"):
            self.tables[-1][1][-1][-1] += data
        if inside not in ("style", "script"):
            self.text += data

    def table(self, heading: str) -> list[list[str]]:
        return next(rows for place, rows in self.tables if place == heading)


def made(prediction: Prediction, frame: pd.DataFrame | None = None, **run: Any) -> tuple[Card, Account]:
    """A card as a training run makes it."""
    frame = weekly(customers=80) if frame is None else frame
    dataset = make_dataset(frame, prediction, KINDS)
    split = split_rows(dataset, prediction)
    found = search(dataset, split, prediction, lambda _done, _note: None)
    worth = importances(found.estimator, dataset, split.test, prediction)
    output = predict_output(found.estimator, dataset.features.iloc[split.test], prediction.task, len(dataset.classes))
    levels = frame[list(prediction.slices)]
    told = account(prediction, dataset, found.estimator, found.validation, (split.test, output), worth, levels)
    y, keys = dataset.known_target[split.test], dataset.keys.iloc[split.test]
    tables = {"pipeline": metric_table(y, output, prediction, keys)}
    tables["baseline"] = [replace(metric, value=metric.value / 2) for metric in tables["pipeline"]]
    metrics = pd.DataFrame(
        {"split": "test", "predictor": who, **vars(metric)} for who, table in tables.items() for metric in table
    )
    row = {
        "run_id": "churn-1",
        "finished_at": pd.Timestamp("2024-07-01 12:00"),
        "task": prediction.task,
        "target": prediction.target,
        "metric": prediction.metric,
        "estimator": found.best.estimator,
        "baseline": "overall mean",
        "is_good": True,
        "rows_trained": len(dataset),
        "rows_tested": len(split.test),
        "positive_rate": float(y.mean()) if len(dataset.classes) == 2 else None,
        "first_as_of": np.datetime64("2024-01-01", "us"),
        "last_as_of": np.datetime64("2024-06-10", "us"),
        "tested_from": split.tested_from,
        "tested_to": split.tested_to,
        "feature_model": prediction.feature_model,
        "features": json.dumps(dataset.kinds),
        "declaration": prediction.to_json(),
        "pipeline_sha256": "abc",
        "pipeline_bytes": 1234,
        "git_commit": None,
        "manifest_sha256": "def",
        "data_fingerprint": "123",
        "versions": json.dumps({"python": "3"}),
        "seed": 0,
        "seconds": 12.5,
        "core_seconds": 20.25,
        **told.about(),
        **run,
    }
    metrics = pd.concat([metrics, told.metric_rows()], ignore_index=True)
    return Card(prediction, row, metrics, worth, told.curves, told.slices), told


@pytest.fixture(scope="module")
def binary() -> Card:
    decision = Decision(cost_false_positive=1, cost_false_negative=4)
    return made(declare(slices=("region", "member"), decision=decision))[0]


@pytest.fixture(scope="module")
def page(binary: Card) -> Page:
    return Page(render_card(binary))


def test_the_page_stands_alone(binary: Card) -> None:
    html = render_card(binary)
    page = Page(html)
    assert not re.search(r"https?:|//[a-z]|url\(|@import|<script|<link|<img|<iframe|\son\w+=", html)
    assert ("html", {"lang": "en"}) in page.tags
    assert [tag for tag, attributes in page.tags if "src" in attributes or "href" in attributes] == []


def test_headings_descend_in_order_and_ids_are_unique(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_every_chart_has_a_name_and_a_table(page: Page) -> None:
    charts = [attributes for tag, attributes in page.tags if tag == "svg" and attributes.get("role") == "img"]
    assert len(charts) == 2 + len(KINDS)
    ids = {attributes.get("id") for _, attributes in page.tags}
    assert {attributes["aria-labelledby"] for attributes in charts} <= ids
    figures = re.findall(r"<figure>.*?</figure>", page.html, re.DOTALL)
    assert len(figures) == len(charts)
    assert all(figure.count("<svg") == figure.count("<table>") == 1 for figure in figures)
    others = [attributes for tag, attributes in page.tags if tag == "svg" and attributes.get("role") != "img"]
    assert all(attributes["aria-hidden"] == "true" for attributes in others), "drawn inside a table that tells it"


@pytest.mark.parametrize(("heading", "curve"), [("Calibration", "calibration"), ("Gain", "gain")])
def test_numbers_of_the_curves_are_those_of_the_rows(heading: str, curve: str, binary: Card, page: Page) -> None:
    rows = binary.curves[(binary.curves["curve"] == curve) & (binary.curves["split"] == "test")]
    told = [row[:5] for row in page.table(heading)[1:]]
    assert told == [[number(value) for value in row] for row in rows[["x", "y", "lower", "upper", "rows"]].to_numpy()]


def test_numbers_of_the_dependences_are_those_of_the_rows(binary: Card, page: Page) -> None:
    for name, rows in binary.curves[binary.curves["curve"] == "partial_dependence"].groupby("feature"):
        told = page.table(str(name))[1:]
        assert [row[1] for row in told] == [number(value) for value in rows["y"]]
        if KINDS[str(name)] in ("category", "boolean"):
            assert [row[0] for row in told] == rows["level"].tolist()


def test_metrics_importances_and_slices_are_those_of_the_rows(binary: Card, page: Page) -> None:
    metrics = {row[0]: row for row in page.table("How good it is")[1:]}
    for row in binary.metrics[binary.metrics["predictor"] == "pipeline"].itertuples():
        assert metrics[row.metric][1:3] == [number(row.value), f"{number(row.lower)} to {number(row.upper)}"]
    told = [row[1:5] for row in page.table("Features")[1:]]
    assert told == [
        [row.feature, KINDS[row.feature], number(row.importance), number(row.importance_std)]
        for row in binary.importances.itertuples()
    ]
    for (column, metric), rows in binary.slices.groupby(["slice_column", "metric"]):
        told = [row[:2] for row in page.table(f"{metric} by {column}")[1:]]
        assert told == [[row.slice_level, number(row.value)] for row in rows.itertuples()]


def test_the_page_tells_cost_limits_decision_and_findings(binary: Card) -> None:
    finding = {"level": "warning", "check": "features", "message": "'<b>x</b>' is null in every row."}
    page = Page(render_card(replace(binary, findings=[finding])))
    for part in ("20.25 core-seconds", "28 days after the as-of", "2024-01-01 and 2024-06-10", "not in git"):
        assert part in page.text, part
    assert f"above {number(binary.run['decision_threshold'])}" in page.text
    assert "'<b>x</b>' is null" in page.text, "told as text, not as a tag"
    assert "better than the baseline by more than its interval" in page.text


def test_a_run_that_is_no_good_says_so() -> None:
    card, _ = made(declare(), is_good=False)
    card.metrics.loc[card.metrics["predictor"] == "baseline", "value"] = 1.0
    page = Page(render_card(card))
    assert "must not be used" in page.text
    assert "No slices are declared" in page.text
    assert "Nothing to object to" in page.text


def test_an_error_is_shown_as_the_error_and_a_capacity_as_rows() -> None:
    card, _ = made(declare_spend(slices=("region",)))
    page = Page(render_card(card))
    row = card.metrics.iloc[0]
    assert page.table("How good it is")[1][:2] == ["root_mean_squared_error", number(-row["value"])]
    assert page.table("Tenths of the rows")
    gap = card.slices[card.slices["slice_kind"] == "gap"].iloc[0]
    assert gap["value"] > 0
    assert page.table("root_mean_squared_error by region")[-1][1] == number(gap["value"])
    page = Page(render_card(made(declare(decision=Decision(capacity=7)))[0]))
    assert "Act on the 7 most probable rows of each as-of" in page.text


def test_several_classes_and_no_time_have_a_card_too() -> None:
    frame = weekly()
    frame["churned"] = np.digitize(frame["signal"], [-1, 1]).astype(str)
    frame["customer"] = np.arange(len(frame))
    prediction = declare(metric="neg_log_loss", as_of=None, horizon=None)
    card, _ = made(prediction, frame)
    for key in ("first_as_of", "last_as_of", "tested_from", "tested_to"):
        del card.run[key]  # type: ignore[attr-defined]
    page = Page(render_card(card))
    assert {"Gain: 0", "Gain: 1", "Gain: 2", "Calibration"} <= {heading for heading, _ in page.tables}
    assert page.table("signal")[0][0] == "class"
    assert "joined" in {heading for heading, _ in page.tables}


def test_a_card_is_written_whole_or_not_at_all(binary: Card, tmp_path: Path) -> None:
    path = write_card(binary, tmp_path / "target")
    assert path == tmp_path / "target" / "cards" / "churn-1.html"
    assert path.read_text(encoding="utf-8") == render_card(binary)
    assert list(path.parent.iterdir()) == [path]
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CardError, match=r"churn-1 is stored, but its card .* can't be written"):
        write_card(binary, tmp_path / "file")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, NOTHING),
        (np.nan, NOTHING),
        (3, "3"),
        (np.int64(12_345), "12,345"),
        (0.123456, "0.1235"),
        (12345.67, "12,346"),
    ],
)
def test_numbers_are_short(value: object, text: str) -> None:
    assert number(value) == text
