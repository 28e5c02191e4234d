"""What is to be predicted: reads the exposures of `type: ml` and refuses bad ones clearly."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from math import inf
from typing import Any

from ml.errors import DeclarationError
from ml.keys import check_keys, check_word, parse_span
from ml.manifest import Manifest, Node, martlet_meta
from ml.tables import PREDICTION_COLUMNS, TABLES
from ml.words import nearest

TASKS = ("classification", "regression")
REQUIRED = ("target", "task", "entity")

# The keys of `config.meta.martlet`, each with the type it takes.
KEYS: dict[str, tuple[type, ...]] = {
    "target": (str,),
    "task": (str,),
    "entity": (str, list),
    "as_of": (str,),
    "horizon": (str,),
    "exclude": (list,),
    "metric": (str,),
    "positive": (str, int, bool),
    "search": (dict,),
    "slices": (list,),
    "decision": (dict,),
    "estimators": (list,),
    "interval": (float,),
    "reasons": (int,),
    "seed": (int,),
    "promote": (str,),
    "approvers": (list,),
    "retrain": (dict,),
}
SEARCH_KEYS: dict[str, tuple[type, ...]] = {"seconds": (int, float), "trials": (int,)}
DECISION_KEYS: dict[str, tuple[type, ...]] = {
    "cost_false_positive": (int, float),
    "cost_false_negative": (int, float),
    "capacity": (int,),
}
RETRAIN_KEYS: dict[str, tuple[type, ...]] = {"every": (str,), "when": (list,)}
PROMOTE = ("auto", "manual", "shadow")
RETRAIN_WHEN = ("drift", "performance")
# Settings of how a run is searched, shown and put to work: they change nothing of what is learned.
NOT_LEARNED = ("search", "slices", "label", "owner", "promote", "approvers", "retrain", "reasons")
REASONS, MOST_REASONS = 5, 12  # named by default; walked one by one, so that more can't be named


@dataclass(frozen=True)
class Search:
    """The budget of one training run: seconds, or a number of trials for a run that repeats exactly."""

    seconds: float = 60.0
    trials: int | None = None


@dataclass(frozen=True)
class Decision:
    """What someone will do with the probabilities: either both costs are given, or the capacity.

    `cost_false_positive` is what it costs to act on a row whose outcome turns out negative, `cost_false_negative` what
    it costs to leave out a row that turns out positive, in any one unit; `capacity` is how many rows of an as-of (or of
    all open rows, without time) can be acted on.
    """

    cost_false_positive: float | None = None
    cost_false_negative: float | None = None
    capacity: int | None = None


@dataclass(frozen=True)
class Retrain:
    """When a prediction is trained again though nothing was declared anew.

    `every` is the time span of newly closed as-ofs after which a run is due; `when` names what else makes it due:
    `drift` of its features, `performance` below what the champion announced.
    """

    every: timedelta | None = None
    when: tuple[str, ...] = ()


@dataclass(frozen=True)
class Owner:
    """Who answers for a prediction."""

    name: str
    email: str


@dataclass(frozen=True)
class Prediction:
    """A declared thing to predict, and the feature model that it reads.

    `model_id` is the feature model for dbt, `relation` as the warehouse quotes it; `personal` are the columns, in lower
    case, that hold personal data, here or upstream, and so are never features; `path` is the file of the declaration.
    `metric` is empty where the declaration leaves the choice to Martlet.
    """

    name: str
    label: str
    owner: Owner
    path: str
    feature_model: str
    relation: str
    database: str | None
    target: str
    task: str
    entity: tuple[str, ...]
    as_of: str | None = None
    horizon: timedelta | None = None
    exclude: tuple[str, ...] = ()
    personal: tuple[str, ...] = ()
    metric: str = ""
    positive: str | None = None
    search: Search = Search()
    slices: tuple[str, ...] = ()
    decision: Decision | None = None
    estimators: tuple[str, ...] = ()
    interval: float = 0.9
    reasons: int = REASONS
    seed: int = 0
    promote: str = "auto"
    approvers: tuple[str, ...] = ()
    retrain: Retrain = Retrain()
    model_id: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that identify a row: the entity, and the as-of where there is one."""
        return (*self.entity, self.as_of) if self.as_of else self.entity

    def is_personal(self, column: str) -> bool:
        """Whether a column of the feature model holds personal data; case does not count."""
        return column.lower() in self.personal

    def to_json(self) -> str:
        """The declaration as stable JSON text: what a run records of it."""
        content = asdict(self)
        del content["model_id"], content["relation"], content["database"], content["path"]
        return json.dumps(content, sort_keys=True, default=str)

    def sha256(self) -> str:
        """A hash that changes when what is learned changes; `NOT_LEARNED` plays no part."""
        content = json.loads(self.to_json())
        for key in NOT_LEARNED:
            del content[key]
        if self.decision is None:  # runs from before there were decisions learned just this
            del content["decision"]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read_predictions(manifest: Manifest) -> dict[str, Prediction]:
    """Every declared prediction by name.

    Raises:
        DeclarationError: a declaration that can't be read.
    """
    return {name: _read(node, manifest) for name, node in sorted(manifest.ml_exposures().items())}


def select_predictions(
    known: Mapping[str, Prediction], select: tuple[str, ...], exclude: tuple[str, ...]
) -> list[Prediction]:
    """The predictions that `--select` and `--exclude` name; dbt's `+exposure:name` is understood too.

    Raises:
        DeclarationError: a name that is not declared, or none are declared at all.
    """
    if not known:
        raise DeclarationError(
            "No prediction is declared: add an exposure of `type: ml` with `config.meta.martlet` to the project."
        )
    wanted = set(_names(select, known)) if select else set(known)
    return [known[name] for name in sorted(wanted - set(_names(exclude, known)))]


def _names(selectors: tuple[str, ...], known: Mapping[str, Prediction]) -> Iterator[str]:
    for selector in " ".join(selectors).split():
        name = selector.strip("+").removeprefix("exposure:")
        if name not in known:
            raise DeclarationError(f"There is no prediction '{name}'. {nearest(name, known)}")
        yield name


def _read(node: Node, manifest: Manifest) -> Prediction:
    place = f"{node.get('original_file_path', '?')}: exposure '{node['name']}'"
    settings = dict(martlet_meta(node))
    check_keys(settings, KEYS, f"{place}: config.meta.martlet")
    for key in REQUIRED:
        if settings.get(key) in (None, "", []):
            raise DeclarationError(f"{place}: the key '{key}' is missing under config.meta.martlet.")
    check_word(settings["task"], TASKS, f"{place}: task")
    model = _feature_model(node, manifest, place)
    _refuse_reserved(node["name"], settings, place)
    owner = node.get("owner") or {}
    entity = settings["entity"]
    plain = ("as_of", "metric", "interval", "reasons", "seed", "promote")
    optional = {key: settings[key] for key in plain if settings.get(key) is not None}
    check_word(settings.get("promote"), PROMOTE, f"{place}: config.meta.martlet: promote")
    if not 0 <= optional.get("reasons", 0) <= MOST_REASONS:
        raise DeclarationError(f"{place}: 'reasons' must be 0 to {MOST_REASONS}, not {optional['reasons']}.")
    return Prediction(
        name=node["name"],
        label=node.get("label") or node["name"],
        owner=Owner(owner.get("name") or "", owner.get("email") or ""),
        path=str(node.get("original_file_path", "?")),
        feature_model=model["name"],
        model_id=model["unique_id"],
        relation=model["relation_name"],
        database=model.get("database"),
        target=settings["target"],
        task=settings["task"],
        entity=tuple(entity) if isinstance(entity, list) else (entity,),
        horizon=parse_span(settings.get("horizon"), f"{place}: horizon"),
        exclude=tuple(settings.get("exclude") or ()),
        personal=tuple(sorted(manifest.personal_columns(model["unique_id"]))),
        positive=str(settings["positive"]) if settings.get("positive") is not None else None,
        search=_search(settings.get("search") or {}, place),
        slices=tuple(settings.get("slices") or ()),
        decision=_decision(settings, place),
        estimators=tuple(settings.get("estimators") or ()),
        approvers=tuple(settings.get("approvers") or ()),
        retrain=_retrain(settings.get("retrain") or {}, place),
        **optional,
    )


def _refuse_reserved(name: str, settings: Mapping[str, Any], place: str) -> None:
    """A prediction's table stands beside the ledger's, and its keys beside the columns that martlet fills."""
    if name in TABLES:
        raise DeclarationError(f"{place}: the table ml.{name} is martlet's own. Give the prediction another name.")
    entity = settings["entity"]
    keys = [*(entity if isinstance(entity, list) else [entity]), settings.get("as_of")]
    for key in keys:
        if key in PREDICTION_COLUMNS:
            raise DeclarationError(f"{place}: martlet fills the column '{key}' itself. Rename the key in SQL.")


def _feature_model(node: Node, manifest: Manifest, place: str) -> Node:
    parents = (node.get("depends_on") or {}).get("nodes") or []
    models = [manifest.nodes[key] for key in parents if key in manifest.nodes]
    if len(models) != 1:
        raise DeclarationError(
            f"{place}: depends_on must name exactly one feature model, such as [ref('feat_{node['name']}')]; "
            f"it names {len(models)}."
        )
    if not models[0].get("relation_name"):
        raise DeclarationError(f"{place}: {models[0]['name']} is ephemeral; make it a table or a view.")
    return models[0]


def _search(settings: Mapping[str, Any], place: str) -> Search:
    check_keys(settings, SEARCH_KEYS, f"{place}: config.meta.martlet.search")
    if any(value is not None and value <= 0 for value in settings.values()):
        raise DeclarationError(f"{place}: the search budget must be above zero, not {dict(settings)}.")
    return Search(seconds=float(settings.get("seconds") or Search.seconds), trials=settings.get("trials"))


def _decision(settings: Mapping[str, Any], place: str) -> Decision | None:
    given = settings.get("decision")
    if not given:
        return None
    place = f"{place}: config.meta.martlet.decision"
    check_keys(given, DECISION_KEYS, place)
    given = {key: value for key, value in given.items() if value is not None}
    if set(given) not in ({"capacity"}, {"cost_false_positive", "cost_false_negative"}):
        raise DeclarationError(
            f"{place}: give either both cost_false_positive and cost_false_negative, or capacity alone; "
            f"given: {', '.join(given) or 'nothing'}."
        )
    if settings["task"] != "classification":
        raise DeclarationError(f"{place}: a decision needs `task: classification` with two classes.")
    if not all(0 < value < inf for value in given.values()):
        raise DeclarationError(f"{place}: costs and capacity must be above zero, not {given}.")
    return Decision(**given)


def _retrain(settings: Mapping[str, Any], place: str) -> Retrain:
    place = f"{place}: config.meta.martlet.retrain"
    check_keys(settings, RETRAIN_KEYS, place)
    for word in settings.get("when") or ():
        check_word(word, RETRAIN_WHEN, f"{place}: when")
    return Retrain(parse_span(settings.get("every"), f"{place}: every"), tuple(settings.get("when") or ()))
