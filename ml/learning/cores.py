"""Uses all cores, but lets no fit or prediction spread over several of them."""

import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from threading import Thread
from typing import Any, TypeVar

from joblib import cpu_count
from joblib.externals.loky import get_reusable_executor
from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")
Submit = Callable[..., "Future[Any]"]

SECONDS_BETWEEN_LOOKS = 1.0  # of a worker, whether the process that it works for is still there


def in_threads(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """The results of independent pieces of work, in their order; each core does one at a time."""
    if len(items) == 1:
        return [one_core(work, items[0])]
    with ThreadPoolExecutor(cpu_count()) as pool:
        return list(pool.map(lambda item: one_core(work, item), items))


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items; each is fetched while the one before is in use."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def one_core(work: Callable[..., Result], *arguments: Any) -> Result:  # noqa: ANN401
    """The result of a call whose OpenMP parts stay on one core.

    OpenMP's threads wait for each other at every step: as soon as a core is busy with something else, they wait up to
    fifty times as long as they work.
    """
    with _controller().limit(limits=1, user_api="openmp"):
        return work(*arguments)


@contextmanager
def workers(count: int, *, are_processes: bool = False) -> Iterator[Submit]:
    """Starts independent fits in threads, or in processes where fits are mostly Python; yields how to start one.

    Fits that have begun when the context ends are not waited for. Processes are kept for a while for the next use; they
    end with this one.
    """
    if are_processes:
        pool = get_reusable_executor(count, initializer=_end_with, initargs=(os.getpid(),))
        try:
            yield partial(pool.submit, _quietly)
        except BaseException:
            pool.shutdown(wait=False, kill_workers=True)
            raise
        return
    threads = ThreadPoolExecutor(count)
    try:
        yield threads.submit
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


def _end_with(parent: int) -> None:
    """Let this process end when another has, be it killed: it may wait for the rest of a message for ever."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def _quietly(work: Callable[..., Result], *arguments: Any) -> Result:  # noqa: ANN401
    """The result of a call without its warnings, on one core: another process does not know that this is wanted."""
    with warnings.catch_warnings(), linear_algebra_on_one_core():
        warnings.simplefilter("ignore")
        return work(*arguments)


@contextmanager
def linear_algebra_on_one_core() -> Iterator[None]:
    """Keeps BLAS, whose limit is one for all threads, from spreading over cores that have other work."""
    with _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> ThreadpoolController:
    # Looking for the libraries calls Python from C, where an interrupt of the user would be lost: only the main
    # thread gets interrupts.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(ThreadpoolController).result()
