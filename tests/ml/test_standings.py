import numpy as np

from ml.learning.candidates import Candidate, Leader
from ml.learning.scorers import Judge
from ml.learning.standings import BEST_BLENDED, Standings, Trial, Tried

Y = np.random.default_rng(0).normal(size=300)


def tried(number: int, estimator: str, output: np.ndarray, judge: Judge) -> Tried:
    trial = Trial(number, estimator, {}, 300, judge.value(output), 0.0, 1.0, "ok")
    return Tried(trial, Candidate(estimator, {}), output, 1.0, None, 0.1)


def standings(*trials: tuple[str, np.ndarray]) -> Standings:
    judge = Judge("neg_root_mean_squared_error", "regression", [Y], is_pooled=True)
    found = Standings(judge)
    for number, (estimator, output) in enumerate(trials, 1):
        found.add(tried(number, estimator, output, judge))
    return found


def test_what_differs_joins_the_blend_though_many_are_better() -> None:
    error = np.random.default_rng(1).normal(size=300)
    same = [("linear", Y + error * (1 + number / 1000)) for number in range(BEST_BLENDED + 5)]
    found = standings(*same, ("extra_trees", Y - 1.1 * error))
    assert {member.candidate.estimator for member, _ in found.blend()} == {"linear", "extra_trees"}


def test_the_blend_follows_what_is_added() -> None:
    error = np.random.default_rng(1).normal(size=300)
    found = standings(("linear", Y + error))
    assert [member.trial.number for member, _ in found.likely_blend()] == [1]
    perfect = standings(("linear", Y)).best
    found.add(perfect)
    assert [member for member, _ in found.blend()] == [perfect]


def test_the_leader_is_the_best_boosting() -> None:
    error = np.random.default_rng(1).normal(size=300)
    found = standings(("linear", Y), ("hist_gradient_boosting", Y + 2 * error), ("hist_gradient_boosting", Y + error))
    assert found.leader() == Leader(found.tried[2].candidate, None)
    assert standings(("linear", Y)).leader() is None
