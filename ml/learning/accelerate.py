"""Makes a fitted prediction fast enough for millions of rows, without changing what it says."""

from copy import copy

from sklearn.pipeline import Pipeline

from ml.learning import kernels
from ml.learning.blend import Member
from ml.learning.compiled import compiled
from ml.learning.pipelines import FittedPrediction

# Loading compiled loops takes longer than predicting fewer rows.
FEWEST_ROWS = 10_000


def accelerated(model: FittedPrediction, rows: int) -> FittedPrediction:
    """The same prediction with its boostings compiled, if that pays for so many rows and `martlet[fast]` is there."""
    if rows < FEWEST_ROWS or not kernels.IS_COMPILED:
        return model
    fast, blend = copy(model), copy(model.estimator[-1])
    blend.members = [_compiled(member) for member in blend.members]
    fast.estimator = Pipeline([("encoder", model.estimator[0]), ("blend", blend)])
    return fast


def _compiled(member: Member) -> Member:
    return Member(**{**vars(member), "models": [compiled(one) for one in member.models]})
