"""Uses all cores, but lets no fit or prediction spread over several of them."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from joblib import cpu_count
from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """The results of independent pieces of work, in their order; each core does one at a time."""
    with ThreadPoolExecutor(cpu_count()) as pool:
        return list(pool.map(lambda item: one_core(work, item), items))


def one_core(work: Callable[..., Result], *arguments: Any) -> Result:  # noqa: ANN401
    """The result of a call whose OpenMP parts stay on one core.

    OpenMP's threads wait for each other at every step: as soon as a core is busy with something else, they wait up to
    fifty times as long as they work.
    """
    with threadpool_limits(1, user_api="openmp"):
        return work(*arguments)
