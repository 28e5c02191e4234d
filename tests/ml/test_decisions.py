"""Decisions on the record: who makes which run champion, and how it is undone."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml.declaration import Owner, Prediction
from ml.learning.duel import Duel, duel
from tests.ml.conftest import Place

CHAMPION = "select run_id from ml.promotions where prediction = 'alcohol' order by promoted_at desc limit 1"
MIA, NOA = ("--actor", "Mia"), ("--actor", "Noa")


def champion(cellar: Place) -> str:
    return str(cellar.sql(CHAMPION)["run_id"][0])


def trained(cellar: Place) -> str:
    """A second run of the prediction, which is no champion."""
    assert cellar.martlet("train", "-s", "alcohol").exit_code == 0
    return cellar.last_run("alcohol")


def test_a_challenger_without_a_new_outcome_is_kept_and_a_person_may_promote_it(cellar: Place) -> None:
    first, second = champion(cellar), trained(cellar)
    assert champion(cellar) == first
    listed = cellar.martlet("runs", "-s", "alcohol").stdout
    assert "no outcome is new to the champion" in listed
    assert cellar.martlet("promote", second, *MIA, "--reason", "tasted well").exit_code == 0
    assert champion(cellar) == second
    told = cellar.sql("select actor, reason, previous_run_id from ml.promotions order by promoted_at desc limit 1")
    assert told.to_numpy().tolist() == [["Mia", "tasted well", first]]
    assert "is the champion of alcohol already" in cellar.martlet("promote", second).stderr
    listed = cellar.martlet("runs", "-s", "alcohol").stdout
    assert f"{first}  was champion" in listed
    assert f"{second}  champion" in listed


def test_rolling_back_is_one_command_and_the_next_scoring_follows(cellar: Place) -> None:
    first, second = champion(cellar), trained(cellar)
    cellar.martlet("promote", second)
    assert cellar.martlet("score", "-s", "alcohol", "--rescore").exit_code == 0
    result = cellar.martlet("rollback", "alcohol", *MIA, "--reason", "too sweet")
    assert result.exit_code == 0, result.output
    assert champion(cellar) == first
    assert cellar.martlet("score", "-s", "alcohol", "--rescore").exit_code == 0
    scored = cellar.sql("select run_id from ml.alcohol order by scored_at")["run_id"]
    assert scored.iloc[-1] == first
    assert set(scored) == {first, second}
    log = cellar.sql(
        "select decision, actor, reason from ml.decisions where prediction = 'alcohol' order by decided_at"
    )
    assert log.to_numpy().tolist()[-1] == ["rolled back", "Mia", "too sweet"]
    again = cellar.martlet("rollback", "alcohol")
    assert again.exit_code == 1
    assert "is the first champion of alcohol: there is none before it" in again.stderr
    forward = cellar.martlet("rollback", "alcohol", "--to", second)
    assert forward.exit_code == 0, forward.output
    assert champion(cellar) == second


def test_what_approvers_must_grant_waits_for_one_who_did_not_ask(cellar: Place) -> None:
    first = champion(cellar)
    cellar.declare("alcohol", "promote: manual\n          approvers: [Mia, Noa]")
    second = trained(cellar)
    assert champion(cellar) == first
    assert f"{second}  waits for approval" in cellar.martlet("runs", "-s", "alcohol").stdout
    assert cellar.martlet("promote", second, *MIA).exit_code == 0
    own = cellar.martlet("approve", second, *MIA)
    assert (own.exit_code, "Mia asked to promote" in own.stderr) == (1, True)
    foreign = cellar.martlet("approve", second, "--actor", "Otto")
    assert (foreign.exit_code, "Otto is no approver of alcohol: Mia, Noa are" in foreign.stderr) == (1, True)
    assert champion(cellar) == first
    assert cellar.martlet("approve", second, *NOA).exit_code == 0
    assert champion(cellar) == second
    done = cellar.martlet("approve", second, *NOA)
    assert (done.exit_code, "Nobody has asked to promote" in done.stderr) == (1, True)


def test_a_rejected_run_stays_out(cellar: Place) -> None:
    first = champion(cellar)
    cellar.declare("alcohol", "promote: manual")
    second = trained(cellar)
    assert cellar.martlet("reject", second).exit_code == 2, "a reason is asked for"
    assert cellar.martlet("reject", second, "--reason", "corked").exit_code == 0
    assert champion(cellar) == first
    assert "corked" in cellar.martlet("runs", "-s", "alcohol").stdout
    assert cellar.martlet("approve", second).exit_code == 1


def test_a_shadow_run_scores_beside_the_champion_and_is_not_shown_as_the_prediction(cellar: Place) -> None:
    first, before = champion(cellar), cellar.count("ml.alcohol")
    cellar.declare("alcohol", "promote: shadow")
    second = trained(cellar)
    result = cellar.martlet("score", "-s", "alcohol")
    assert f"no row is waiting, {before} by the shadow run" in result.stdout
    rows = cellar.sql("select run_id, count(*) as rows from ml.alcohol group by 1")
    assert dict(zip(rows["run_id"], rows["rows"], strict=True)) == {first: before, second: before}
    assert "by the shadow run" not in cellar.martlet("score", "-s", "alcohol").stdout


def test_a_run_that_is_unknown_or_learned_other_features_is_refused(cellar: Place) -> None:
    second = trained(cellar)
    result = cellar.martlet("promote", second[:-1] + "x")
    assert (result.exit_code, f"Did you mean '{second}'?" in result.stderr) == (1, True)
    cellar.sql("alter table feat_alcohol drop column ash")
    result = cellar.martlet("promote", second)
    assert (result.exit_code, "'ash' vanished" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("promote: manuel", "promote 'manuel' is unknown. Did you mean 'manual'?"),
        ("retrain: {when: [drifts]}", "when 'drifts' is unknown. Did you mean 'drift'?"),
        ("retrain: {evry: 28 days}", "unknown key 'evry'. Did you mean 'every'?"),
        ("retrain: {every: often}", "every 'often' is not a number and a unit such as '28 days'"),
    ],
)
def test_a_wrong_word_is_named_with_the_right_one(setting: str, message: str, cellar: Place) -> None:
    cellar.declare("alcohol", setting)
    result = cellar.martlet("runs")
    assert result.exit_code == 2
    assert message in result.stderr
    assert str(Path("models") / "cellar.yml") in result.stderr


def fought(seed: int, noise: float, against: float, task: str = "classification") -> Duel:
    """A duel on 200 entities of 3 rows between outputs that miss the truth by so much."""
    random = np.random.default_rng(seed)
    entity = np.repeat(np.arange(200), 3)
    truth = random.normal(size=200)[entity] + random.normal(size=600)
    metric = "roc_auc" if task == "classification" else "neg_mean_absolute_error"
    y = (truth + random.normal(size=600) > 1).astype(float) if task == "classification" else truth
    one, two = (truth + spread * random.normal(size=600) for spread in (noise, against))
    keys = pd.DataFrame({"entity": entity})
    return duel(
        y,
        one,
        two,
        Prediction("p", "p", Owner("", ""), "", "f", "f", None, "y", task, ("entity",), metric=metric),
        keys,
    )


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_worse_challenger_never_wins_and_a_better_one_nearly_always(task: str) -> None:
    worse = [fought(seed, noise=1.2, against=1.0, task=task).is_won for seed in range(200)]
    better = [fought(seed, noise=1.0, against=1.8, task=task).is_won for seed in range(50)]
    assert sum(worse) == 0
    assert sum(better) >= 45


def test_a_few_entities_decide_nothing() -> None:
    keys = pd.DataFrame({"entity": np.arange(20)})
    y = np.arange(20.0)
    prediction = Prediction("p", "p", Owner("", ""), "", "f", "f", None, "y", "regression", ("entity",), metric="r2")
    found = duel(y, y, np.zeros(20), prediction, keys)
    assert found.lower > 0
    assert not found.is_won
