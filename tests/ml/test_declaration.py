"""Bad declarations are refused with the file, the key and the nearest right word."""

from datetime import timedelta
from typing import Any

import pytest

from ml.declaration import Decision, read_predictions, select_predictions
from ml.errors import DeclarationError
from ml.manifest import Manifest

GOOD = {"target": "lapsed", "task": "classification", "entity": "household_id"}
MODEL = {
    "name": "feat_lapse",
    "unique_id": "model.p.feat_lapse",
    "relation_name": '"db"."features"."feat_lapse"',
    "resource_type": "model",
}


def manifest(settings: dict[str, Any], *, parents: tuple[str, ...] = ("model.p.feat_lapse",), **node: Any) -> Manifest:
    exposure = {
        "name": "lapse",
        "type": "ml",
        "original_file_path": "models/exposures.yml",
        "owner": {"name": "Analytics", "email": "analytics@example.com"},
        "depends_on": {"nodes": list(parents)},
        "config": {"meta": {"martlet": settings}},
        "a_key_of_some_later_dbt": 1,
        **node,
    }
    nodes = {"model.p.feat_lapse": MODEL, "model.p.other": {**MODEL, "name": "other"}}
    nodes["model.p.gone"] = {**MODEL, "name": "gone", "relation_name": None}
    return Manifest(nodes=nodes, sources={}, exposures={"exposure.p.lapse": exposure}, sha256="")


def test_only_three_keys_are_required() -> None:
    prediction = read_predictions(manifest(GOOD))["lapse"]
    assert prediction.entity == ("household_id",)
    assert prediction.keys == ("household_id",)
    assert prediction.search.seconds == 60
    assert prediction.relation == MODEL["relation_name"]
    assert prediction.owner.email == "analytics@example.com"


def test_all_keys_are_read() -> None:
    settings = GOOD | {
        "entity": ["campaign_id", "household_id"],
        "as_of": "as_of_date",
        "horizon": "4 weeks",
        "exclude": ["note"],
        "metric": "average_precision",
        "positive": True,
        "search": {"seconds": 5, "trials": 3},
        "slices": ["region", "note"],
        "decision": {"cost_false_positive": 5, "cost_false_negative": 40.5},
        "estimators": ["linear"],
        "interval": 0.8,
        "reasons": 0,
        "seed": 7,
    }
    prediction = read_predictions(manifest(settings))["lapse"]
    assert prediction.keys == ("campaign_id", "household_id", "as_of_date")
    assert prediction.horizon == timedelta(days=28)
    assert prediction.positive == "True"
    assert prediction.reasons == 0
    assert (prediction.search.seconds, prediction.search.trials) == (5, 3)
    assert prediction.slices == ("region", "note")
    assert prediction.decision == Decision(cost_false_positive=5.0, cost_false_negative=40.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"horizn": "28 days"}, "unknown key 'horizn'. Did you mean 'horizon'?"),
        ({"search": {"second": 5}}, "config.meta.martlet.search: unknown key 'second'. Did you mean 'seconds'?"),
        ({"search": {"seconds": 0}}, "must be above zero"),
        ({"reasons": 13}, "'reasons' must be 0 to 12, not 13."),
        ({"search": 60}, "'search' must be dict, not 60"),
        ({"slices": "region"}, "'slices' must be list, not 'region'"),
        ({"slice": ["region"]}, "unknown key 'slice'. Did you mean 'slices'?"),
        ({"decision": 200}, "'decision' must be dict, not 200"),
        ({"decision": {"capacty": 200}}, "decision: unknown key 'capacty'. Did you mean 'capacity'?"),
        ({"decision": {"capacity": 0}}, "must be above zero"),
        ({"decision": {"capacity": 1.5}}, "'capacity' must be int, not 1.5"),
        ({"decision": {"cost_false_positive": 5}}, "give either both cost_false_positive and cost_false_negative"),
        ({"decision": {"cost_false_positive": 5, "cost_false_negative": -1}}, "must be above zero"),
        (
            {"decision": {"capacity": 5, "cost_false_positive": 5, "cost_false_negative": 1}},
            "or capacity alone; given: capacity, cost_false_positive, cost_false_negative",
        ),
        ({"task": "regression", "decision": {"capacity": 5}}, "a decision needs `task: classification`"),
        ({"entity": 5}, "'entity' must be str or list, not 5"),
        ({"exclude": [1]}, "'exclude' must be a list of names"),
        ({"seed": True}, "'seed' must be int, not True"),
        ({"task": "classify"}, "task 'classify' is unknown. Did you mean 'classification'?"),
        ({"target": None}, "the key 'target' is missing"),
        ({"entity": []}, "the key 'entity' is missing"),
        ({"horizon": "a month"}, "horizon 'a month' is not a number and a unit such as '28 days'"),
    ],
)
def test_a_bad_key_is_named_with_its_file(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError, match="models/exposures.yml: exposure 'lapse'") as caught:
        read_predictions(manifest(GOOD | changes))
    assert message in str(caught.value)


@pytest.mark.parametrize("parents", [(), ("model.p.feat_lapse", "model.p.other"), ("source.p.raw.x",)])
def test_exactly_one_feature_model_is_wanted(parents: tuple[str, ...]) -> None:
    with pytest.raises(DeclarationError, match="must name exactly one feature model"):
        read_predictions(manifest(GOOD, parents=parents))


def test_names_that_martlet_uses_itself_are_refused() -> None:
    with pytest.raises(DeclarationError, match="the table ml.runs is martlet's own"):
        read_predictions(manifest(GOOD, name="runs"))
    with pytest.raises(DeclarationError, match="martlet fills the column 'run_id' itself"):
        read_predictions(manifest(GOOD | {"entity": ["run_id"]}))


def test_an_ephemeral_feature_model_is_refused() -> None:
    with pytest.raises(DeclarationError, match="gone is ephemeral"):
        read_predictions(manifest(GOOD, parents=("model.p.gone",)))


def test_other_exposures_are_no_predictions() -> None:
    assert read_predictions(manifest({}, type="dashboard")) == {}


def test_selectors_are_dbts_own() -> None:
    known = read_predictions(manifest(GOOD))
    for selectors in ((), ("lapse",), ("+exposure:lapse",), ("exposure:lapse lapse",)):
        assert [prediction.name for prediction in select_predictions(known, selectors, ())] == ["lapse"]
    assert select_predictions(known, (), ("lapse",)) == []
    with pytest.raises(DeclarationError, match="Did you mean 'lapse'"):
        select_predictions(known, ("laps",), ())
    with pytest.raises(DeclarationError, match="No prediction is declared"):
        select_predictions({}, (), ())


def test_the_hash_follows_what_is_learned_and_nothing_else() -> None:
    def sha(**changes: Any) -> str:
        return read_predictions(manifest(GOOD | changes))["lapse"].sha256()

    assert sha() == sha(search={"seconds": 5}) == sha(slices=["region"])
    decision = {"decision": {"capacity": 5}}
    assert len({sha(), sha(horizon="28 days"), sha(exclude=["note"]), sha(seed=1), sha(**decision)}) == 5
