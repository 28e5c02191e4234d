"""Makes a fitted prediction fast enough for millions of rows, without changing what it says."""

from copy import copy

from sklearn.pipeline import Pipeline

from ml.learning import kernels
from ml.learning.blend import Member
from ml.learning.compiled import compiled
from ml.learning.lines import folded
from ml.learning.pipelines import FittedPrediction

# Loading compiled loops takes longer than predicting fewer rows.
FEWEST_ROWS = 10_000


def accelerated(model: FittedPrediction, rows: int, *, is_explained: bool = True) -> FittedPrediction:
    """The same prediction, with what pays for so many rows.

    Boostings are compiled if `martlet[fast]` is there: the same numbers. Unless reasons are asked for, which exchange
    the columns of the matrix, lines are folded into their encoders: the same numbers but for the last digits.
    """
    if rows < FEWEST_ROWS:
        return model
    encoder, blend = model.estimator[0], copy(model.estimator[-1])
    if kernels.IS_COMPILED:
        blend.members = [_compiled(member) for member in blend.members]
    if not is_explained:
        encoder, blend.members = folded(encoder, blend.members)
    fast = copy(model)
    fast.estimator = Pipeline([("encoder", encoder), ("blend", blend)])
    return fast


def _compiled(member: Member) -> Member:
    return Member(**{**vars(member), "models": [compiled(one) for one in member.models]})
