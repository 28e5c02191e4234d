import numpy as np
import pytest

from ml.declaration import Decision
from ml.learning.decision import Rule, cheapest_threshold, decision_metrics, make_rule, row_costs
from ml.learning.pipelines import FittedPrediction, dump, load
from tests.ml.frames import declare, fitted

COSTS = Decision(cost_false_positive=5, cost_false_negative=40)
THEORY = 5 / 45


def rows(count: int = 5_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    given = random.beta(1, 6, size=count)
    return (random.random(count) < given).astype(float), given, np.arange(count)


def test_right_probabilities_are_cut_where_theory_says() -> None:
    for seed in range(5):
        rule = make_rule(COSTS, *rows(seed=seed))
        assert rule.threshold == pytest.approx(THEORY)
        assert "cost_false_positive" in rule.why


def test_wrong_probabilities_are_cut_where_it_was_cheapest() -> None:
    y, given, clusters = rows()
    rule = make_rule(COSTS, y, given**3, clusters)
    assert rule.threshold == pytest.approx(THEORY**3, rel=0.6)
    assert "validation" in rule.why
    y, given, clusters = rows(seed=9)
    by_rule, by_theory = (row_costs(COSTS, y, given**3 > threshold).sum() for threshold in (rule.threshold, THEORY))
    assert by_rule < 0.8 * by_theory


@pytest.mark.parametrize("seed", range(3))
def test_the_cheapest_threshold_is_the_cheapest(seed: int) -> None:
    y, given, _ = rows(200, seed)
    given = given.round(1)
    best = row_costs(COSTS, y, given > cheapest_threshold(COSTS, y, given, THEORY)).sum()
    assert best == min(row_costs(COSTS, y, given > threshold).sum() for threshold in np.linspace(-0.05, 1.05, 111))


def test_acting_on_all_or_none_is_possible_at_the_edges() -> None:
    given = np.array([0.0, 0.5, 1.0])
    assert (given > cheapest_threshold(COSTS, np.ones(3), given, THEORY)).all()
    assert not (given > cheapest_threshold(COSTS, np.zeros(3), given, THEORY)).any()


def test_seldom_costly_errors_that_have_not_shown_yet_are_feared() -> None:
    """Forty positives lie far above all negatives: that a threshold between them never missed one proves little."""
    y = np.repeat([0.0, 1.0], [100, 40])
    given = np.concatenate([np.linspace(0.02, 0.3, 100), np.linspace(0.6, 0.9, 40)])
    decision = Decision(cost_false_positive=1, cost_false_negative=99)
    assert make_rule(decision, y, given, np.arange(140)).threshold == pytest.approx(0.01)


def test_costs_are_those_of_wrong_acts() -> None:
    acted = np.array([True, True, False, False])
    assert row_costs(COSTS, np.array([1.0, 0.0, 1.0, 0.0]), acted).tolist() == [0, 5, 40, 0]


def test_metrics_of_costs_stand_beside_those_of_acting_on_none_and_all() -> None:
    y, given, clusters = rows()
    rule = Rule(COSTS, THEORY)
    tables = decision_metrics(rule, y, given, clusters, 0)
    pipeline = {metric.metric: metric for metric in tables["pipeline"]}
    plain = {metric.metric: metric for metric in tables["baseline"]}
    acted = given > THEORY
    assert pipeline["precision_at_decision"].value == pytest.approx(y[acted].mean())
    assert pipeline["recall_at_decision"].value == pytest.approx(acted[y == 1].mean())
    assert pipeline["selection_rate"].value == pytest.approx(acted.mean())
    assert plain["cost_of_none"].value == pytest.approx(40 * y.mean())
    assert plain["cost_of_all"].value == pytest.approx(5 * (1 - y).mean())
    assert plain["cost_per_row"].value == min(plain["cost_of_none"].value, plain["cost_of_all"].value)
    saved = pipeline["cost_saved_per_row"]
    assert saved.value == pytest.approx(plain["cost_per_row"].value - pipeline["cost_per_row"].value)
    assert 0 < saved.lower < saved.value < saved.upper
    assert saved.rows == len(y)


def test_a_capacity_takes_the_most_probable_of_each_as_of() -> None:
    as_of = np.repeat(np.array(["2024-01-01", "2024-01-08"], dtype="datetime64[us]"), 4)
    given = np.array([0.1, 0.9, 0.5, 0.4, 0.2, 0.3, 0.1, 0.0])
    rule = make_rule(Decision(capacity=2), np.zeros(8), given, np.arange(8))
    assert rule.threshold is None
    assert np.flatnonzero(rule.acts(given, as_of)).tolist() == [1, 2, 4, 5]
    assert np.flatnonzero(rule.acts(given)).tolist() == [1, 2]
    y = np.array([0, 1, 0, 1, 0, 0, 0, 0.0])
    metrics = decision_metrics(rule, y, given, np.arange(8), 0, as_of)
    values = {metric.metric: metric.value for metric in metrics["pipeline"]}
    assert values == {"precision_at_decision": 0.25, "recall_at_decision": 0.5, "selection_rate": 0.5}
    assert "baseline" not in metrics


def test_the_predicted_class_follows_the_threshold_and_is_stored_with_it() -> None:
    model, dataset = fitted(declare())
    assert model.threshold == 0.5
    model.threshold = 0.2
    again = load(dump(model)).predict(dataset.features)
    assert ((again["prediction"] > 0.2) == (again["predicted_class"] == "true")).all()
    assert again["predicted_class"].eq("true").sum() > (again["prediction"] > 0.5).sum()


def test_a_pipeline_stored_before_there_were_thresholds_has_the_plain_one() -> None:
    model, _ = fitted(declare())
    del model.__dict__["threshold"]
    assert isinstance(again := load(dump(model)), FittedPrediction)
    assert again.threshold == 0.5
