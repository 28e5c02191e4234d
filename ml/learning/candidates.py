"""What a search tries: estimators with parameters, in order of expected worth, bounded by the size of the data."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ml.learning.effort import boosted_tree_seconds, forest_tree_seconds
from ml.learning.medians import FEWEST_IN_LEAF
from ml.learning.portfolio import LINE, PORTFOLIO, Family, Parameters, find

TRIAL_SHARE = 0.12  # of the budget, for one trial on all its folds
MOST_ITERATIONS, FEWEST_ITERATIONS = 1_000, 30
NETWORK_STEPS, STEP_SECONDS = (500, 3_000), 0.7e-3  # how many steps a network's solver takes, and one step's seconds
WIDE = 300  # features
FEW_ROWS = 3_000  # where the steps are of smaller batches
NEAR_LEADER = 0.5  # of the boostings that are drawn once the list is through
STEPS_TO_LEARN = 8.0  # learning rate times iterations that a boosting should at least come to
CUT_SHORT = 0.95  # of the iterations that it may have: a boosting that is best there was still learning
FASTEST = 0.3  # learning rate, where iterations are few or a leader was cut short
FASTEST_OF_CLASSES = 0.15  # of several: greater steps diverge


@dataclass(frozen=True)
class Candidate:
    """A family with parameters and an encoding: what one trial tries. `is_drawn` tells it from the fixed list."""

    estimator: str
    parameters: Parameters
    style: str = ""
    is_drawn: bool = False

    @property
    def kind(self) -> tuple[str, ...]:
        """What tells it from others that learn otherwise."""
        return self.estimator, self.family.style, str(self.parameters.get("base", ""))

    @property
    def loss(self) -> str:
        """By what it learns, if not by what the metric asks for."""
        return str(self.parameters.get("loss", ""))

    @property
    def family(self) -> Family:
        """The family, whose encoding holds where the candidate names none."""
        family = find(self.estimator)
        return replace(family, style=self.style) if self.style else family


@dataclass(frozen=True)
class Leader:
    """The best boosting so far, and how many of its iterations are best."""

    candidate: Candidate
    iterations: int | None

    @property
    def steps(self) -> float:
        """Learning rate times iterations to come to: twice its own, if it was still learning when they were over."""
        allowed = self.candidate.parameters.get("max_iter")
        if self.iterations is None or allowed is None or self.iterations < CUT_SHORT * allowed:
            return 0.0
        return 2 * float(self.candidate.parameters["learning_rate"]) * self.iterations


@dataclass(frozen=True)
class Facts:
    """What decides which candidates fit.

    Attributes:
        rows: that a fold learns from.
        features: how many there are; of free texts, the numbers that their words become.
        trees: that one iteration grows: one, or one for each of several classes.
        fit_seconds: what one fit may take.
        has_categories: whether a feature is a category.
        is_amount: whether the target is a count or an amount.
        is_positive: whether the metric asks for predictions above zero.
        is_absolute: whether it counts absolute errors.
        is_squared: whether numbers are learned by squared errors.
        has_time: whether the rows are of several as-ofs.
    """

    rows: int
    features: int
    trees: int
    fit_seconds: float
    has_categories: bool
    is_amount: bool
    is_positive: bool
    is_absolute: bool
    is_squared: bool
    has_time: bool

    def iterations(self, candidate: Candidate) -> int:
        """How many iterations one fit of a boosting may take."""
        tree = boosted_tree_seconds(candidate.estimator, candidate.parameters, self.rows, self.features)
        return int(np.clip(self.fit_seconds / (self.trees * tree), FEWEST_ITERATIONS, MOST_ITERATIONS))


_BOOST, _RANDOM = "hist_gradient_boosting", "boosted_extra_trees"
_TREES, _FOREST = "extra_trees", "random_forest"
_SINGLE_ROWS = {"min_samples_leaf": 1, "max_features": "sqrt"}  # of trees that grow to the last row
_NETWORK = {"hidden_layer_sizes": (96, 48), "learning_rate_init": 0.003}

FEWEST_TREES, MOST_TREES = 20, 150

# What is tried first, the most promising first. Few leaves and many rows per leaf suit noisy business data. How many
# iterations are best is seen on the validation folds; how many there may be, and how many trees, time decides.
FIRST: tuple[Candidate, ...] = (
    Candidate(_BOOST, {"learning_rate": 0.06, "max_leaf_nodes": 15, "min_samples_leaf": 30, "l2_regularization": 1.0}),
    Candidate("linear", {"penalty": 10.0}),
    Candidate("linear", {"penalty": 30.0}, style="spline"),
    Candidate(_RANDOM, {"learning_rate": 0.06, "max_leaf_nodes": 16, "min_samples_leaf": 20, "l2_regularization": 1.0}),
    Candidate(_TREES, {"min_samples_leaf": 3, "max_features": 0.5}),
    Candidate(_BOOST, {"learning_rate": 0.04, "max_leaf_nodes": 48, "min_samples_leaf": 10, "max_features": 0.3}),
    Candidate(
        _BOOST,
        {"learning_rate": 0.06, "max_leaf_nodes": 31, "min_samples_leaf": 20, "max_features": 0.4},
        style="codes",
    ),
    Candidate(_BOOST, {"learning_rate": 0.06, "max_leaf_nodes": 6, "min_samples_leaf": 20, "max_features": 0.5}),
    Candidate("linear", {"penalty": 1000.0}),
    Candidate(_RANDOM, {"learning_rate": 0.04, "max_leaf_nodes": 40, "min_samples_leaf": 20, "max_features": 0.5}),
    Candidate("kernel", {"n_components": 500, "penalty": 0.3}),
    Candidate("neural_network", {**_NETWORK, "alpha": 0.01}),
    Candidate(_RANDOM, {"learning_rate": 0.06, "max_leaf_nodes": 8, "min_samples_leaf": 20, "max_features": 0.5}),
    Candidate(_FOREST, {"min_samples_leaf": 2, "max_features": 0.4}),
    Candidate("linear", {"penalty": 0.3}),
    Candidate(_TREES, _SINGLE_ROWS),
    Candidate("kernel", {"n_components": 500, "penalty": 3.0}),
)

# Of several classes a boosting grows a tree each: what learns all of them at once comes before further boostings.
CLASSES: tuple[Candidate, ...] = (
    Candidate(_TREES, _SINGLE_ROWS),
    Candidate("neural_network", {**_NETWORK, "hidden_layer_sizes": (192, 96), "alpha": 0.001}),
)

# What is drawn once the list is through, some more often than others.
DRAWN = (_BOOST, _BOOST, _RANDOM, _RANDOM, _TREES, "linear", "kernel", "neural_network")

# What a drawn boosting may be, from small to large.
RATES = (0.02, 0.12)
BOOSTING: dict[str, tuple[float, ...]] = {
    "max_leaf_nodes": (4, 6, 10, 16, 24, 40, 64),
    "min_samples_leaf": (5, 10, 20, 40, 80),
    "l2_regularization": (0.0, 0.3, 3.0, 10.0),
    "max_features": (0.2, 0.35, 0.5, 0.75, 1.0),
}

# Beyond what it has met (later days, higher prices) a line says more than trees.
SQUARES: tuple[Candidate, ...] = (
    Candidate(
        _BOOST,
        {"base": LINE, "learning_rate": 0.05, "max_leaf_nodes": 15, "min_samples_leaf": 20, "max_features": 0.5},
    ),
    Candidate(_RANDOM, {"base": LINE, "learning_rate": 0.06, "max_leaf_nodes": 16, "min_samples_leaf": 20}),
)
LINE_BASED = 0.2  # of the boostings that are drawn

# Counts and amounts are often learned better by the Poisson deviance, whatever the metric.
AMOUNTS: tuple[Candidate, ...] = (
    Candidate(_BOOST, {"loss": "poisson", "learning_rate": 0.06, "max_leaf_nodes": 15, "min_samples_leaf": 30}),
    Candidate("linear", {"loss": "poisson", "penalty": 10.0}),
)
# Tried where the Poisson deviance led to a better boosting than squares did, as amounts vary the more, the greater they
# are. Not where folds follow each other in time: of later times, factors say more than is so.
LOSSES_OF_AMOUNTS = ("poisson", "log")
MORE_AMOUNTS = tuple(
    Candidate(_RANDOM, {"loss": loss, "learning_rate": 0.06, "max_leaf_nodes": 16, "min_samples_leaf": 20})
    for loss in LOSSES_OF_AMOUNTS
)
OTHER_LOSS = 0.3  # of the boostings that are drawn for amounts


def candidates(
    facts: Facts, wanted: tuple[str, ...], seed: int, leader: Callable[[], Leader | None]
) -> Iterator[Candidate]:
    """What to try, best first: the fixed list as far as it fits, then variations without end.

    Args:
        facts: about the rows to learn from.
        wanted: names or import paths that the declaration allows; all of the portfolio if empty.
        seed: of the variations.
        leader: tells the best boosting so far; some variations are near to it, and if it was cut short, all that
            follow take larger steps.
    """
    names = wanted or tuple(PORTFOLIO)
    own = tuple(Candidate(name, {}) for name in names if name not in PORTFOLIO)
    for candidate in (*own, *_listed(facts)):
        led = leader()
        is_asked = candidate not in MORE_AMOUNTS or (led is not None and led.candidate.loss)
        if is_asked and candidate.estimator in names and _suits(candidate, facts):
            yield _bounded(candidate, facts, led)
    drawn = [name for name in DRAWN if name in names and _suits(Candidate(name, {}), facts)]
    random = np.random.default_rng(seed)
    while drawn:
        yield _bounded(_draw(str(random.choice(drawn)), facts, leader(), random), facts, leader())


def _listed(facts: Facts) -> list[Candidate]:
    """The fixed list, each candidate once."""
    amounts, squares = (AMOUNTS if facts.is_amount else ()), (SQUARES if facts.is_squared else ())
    more, classes = (() if facts.has_time else MORE_AMOUNTS), (CLASSES if facts.trees > 1 else ())
    listed = (*FIRST[:2], *amounts, *FIRST[2:3], *classes, *FIRST[3:5], *more, *squares, *FIRST[5:])
    return [one for place, one in enumerate(listed) if one not in listed[:place]]


def _bounded(candidate: Candidate, facts: Facts, leader: Leader | None) -> Candidate:
    """With a bound on what it grows, the fewer iterations the larger each step; and a solver that ends in time."""
    takes_steps = not (facts.is_squared or facts.is_absolute) or "loss" in candidate.parameters
    if candidate.estimator in ("linear", "kernel") and (facts.trees > 1 or (takes_steps and facts.features > WIDE)):
        # The default's steps grow with the square of features (times classes) for each row, and with their cube.
        return replace(candidate, parameters={**candidate.parameters, "solver": "lbfgs"})
    if candidate.estimator == "neural_network":
        batch = 64 if facts.rows < FEW_ROWS else 256
        steps = np.clip(facts.fit_seconds / STEP_SECONDS, *NETWORK_STEPS)
        passes = int(np.clip(steps * batch / facts.rows, 5, 200))
        return replace(candidate, parameters={**candidate.parameters, "batch_size": batch, "max_iter": passes})
    if candidate.family.is_forest:
        leaf = int(candidate.parameters["min_samples_leaf"])
        leaf = max(leaf, FEWEST_IN_LEAF) if facts.is_absolute else leaf
        sizes = {"min_samples_leaf": leaf, "n_estimators": _trees(candidate, facts)}
        return replace(candidate, parameters={**candidate.parameters, **sizes})
    if not candidate.family.grows:
        return candidate
    iterations = facts.iterations(candidate)
    steps = max(STEPS_TO_LEARN, leader.steps if leader else 0.0)
    fastest = FASTEST if facts.trees == 1 else FASTEST_OF_CLASSES
    rate = max(float(candidate.parameters["learning_rate"]), min(steps / iterations, fastest))
    return replace(candidate, parameters={**candidate.parameters, "learning_rate": rate, "max_iter": iterations})


def _trees(candidate: Candidate, facts: Facts) -> int:
    """How many trees a forest may have."""
    each = forest_tree_seconds(candidate.estimator, candidate.parameters, facts.rows, facts.features)
    return int(np.clip(facts.fit_seconds / each, FEWEST_TREES, MOST_TREES))


def _suits(candidate: Candidate, facts: Facts) -> bool:
    has_codes = candidate.style != "codes" or facts.has_categories
    # A scaled target is learned by squares, which know no zero.
    has_sign = not (facts.is_positive and candidate.family.scale)
    return has_codes and has_sign and facts.rows <= candidate.family.most_rows


def _draw(name: str, facts: Facts, leader: Leader | None, random: np.random.Generator) -> Candidate:
    if name == _TREES:
        leaf, share = int(random.choice([1, 2, 3, 5, 10, 20])), float(random.choice([0.2, 0.4, 0.7, 1.0]))
        return Candidate(name, {"min_samples_leaf": leaf, "max_features": share}, is_drawn=True)
    if name == "linear":
        style = str(random.choice(["linear", "spline"]))
        return Candidate(name, {"penalty": _between(0.1, 1000, random)}, style=style, is_drawn=True)
    if name == "kernel":
        parts = int(random.choice([200, 400, 800]))
        return Candidate(name, {"n_components": parts, "penalty": _between(0.01, 10, random)}, is_drawn=True)
    if name == "neural_network":
        width, alpha = int(random.choice([48, 96, 192])), _between(1e-4, 1.0, random)
        layers = (width, width // 2) if random.random() < 0.7 else (width,)
        return Candidate(name, {**_NETWORK, "hidden_layer_sizes": layers, "alpha": alpha}, is_drawn=True)
    if leader and random.random() < NEAR_LEADER:
        return _near(leader.candidate, random)
    parameters: Parameters = {
        "learning_rate": _between(*RATES, random),
        **{name: steps[int(random.integers(len(steps)))] for name, steps in BOOSTING.items()},
    }
    if facts.is_amount and random.random() < OTHER_LOSS:
        parameters["loss"] = "poisson" if facts.has_time else str(random.choice(LOSSES_OF_AMOUNTS))
    if facts.is_squared and parameters.get("loss") != "poisson" and random.random() < LINE_BASED:
        parameters["base"] = LINE
    has_codes = name == _BOOST and facts.has_categories and "base" not in parameters and random.random() < 0.5
    return Candidate(name, parameters, style="codes" if has_codes else "tree", is_drawn=True)


def _near(leader: Candidate, random: np.random.Generator) -> Candidate:
    """A boosting with another learning rate and two of its parameters a step away."""
    parameters = {key: value for key, value in leader.parameters.items() if key != "max_iter"}
    rate = float(parameters["learning_rate"]) * float(np.exp(random.normal(0, 0.4)))
    parameters["learning_rate"] = float(f"{np.clip(rate, *RATES):.3g}")
    for name in random.choice(list(BOOSTING), 2, replace=False):
        steps = BOOSTING[name]
        place = int(np.argmin([abs(step - parameters.get(name, steps[-1])) for step in steps]))
        moved = place + int(random.choice([-1, 1]))
        parameters[str(name)] = steps[int(np.clip(moved, 0, len(steps) - 1))]
    return Candidate(leader.estimator, parameters, leader.style, is_drawn=True)


def _between(low: float, high: float, random: np.random.Generator) -> float:
    """A number between two, each order of magnitude as likely as another; of three digits, so that it reads well."""
    return float(f"{np.exp(random.uniform(np.log(low), np.log(high))):.3g}")
