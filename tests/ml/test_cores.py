import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_info

from ml.learning.cores import ahead, in_threads, one_core, workers
from tests.ml.conftest import ROOT


def test_results_keep_the_order_of_the_items() -> None:
    assert in_threads(lambda number: number * 2, range(20)) == [number * 2 for number in range(20)]


def test_an_error_in_a_thread_comes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda number: 1 // number, [1, 0])


def test_items_are_fetched_one_ahead_in_order() -> None:
    fetched: list[int] = []

    def items() -> Iterator[int]:
        for number in range(4):
            fetched.append(number)
            yield number

    used = [(item, len(fetched)) for item in ahead(items())]
    assert [item for item, _ in used] == [0, 1, 2, 3]
    assert all(item + 1 <= count <= item + 2 for item, count in used)


def test_an_error_while_fetching_comes_through() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(ahead(items()))


def test_a_call_has_one_thread_of_openmp() -> None:
    import sklearn.ensemble  # noqa: F401 -- loads OpenMP

    def threads() -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"}

    before = threads()
    assert one_core(threads) == {1}
    assert threads() == before


def test_processes_work_beside_this_one_and_keep_warnings_to_themselves(capfd: pytest.CaptureFixture[str]) -> None:
    with workers(1, are_processes=True) as submit:
        assert submit(os.getpid).result() != os.getpid()
        submit(warnings.warn, "not wanted").result()
    with workers(1) as submit:
        assert submit(os.getpid).result() == os.getpid()
    assert "not wanted" not in capfd.readouterr().err


def _threads_of_linear_algebra() -> set[int]:
    import numpy as np

    np.linalg.norm(np.ones((2, 2)) @ np.ones((2, 2)))  # loads it
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_linear_algebra_in_a_process_keeps_to_one_core() -> None:
    with workers(1, are_processes=True) as submit:
        assert submit(_threads_of_linear_algebra).result() == {1}


# Killed while a worker, held until then, has got the beginning of a message.
KILLED = """
import os, signal, time
from joblib.externals.loky import get_reusable_executor
from ml.learning.cores import workers
with workers(1, are_processes=True) as submit:
    worker = submit(os.getpid).result()
    os.kill(worker, signal.SIGSTOP)
    submit(len, bytes(10**8))
    arriving = get_reusable_executor(reuse=True)._call_queue._reader
    while not arriving.poll():
        time.sleep(0.01)
    print(worker, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_processes_end_with_the_one_that_they_work_for() -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True, cwd=ROOT) as killed:
        assert killed.stdout is not None
        worker = int(killed.stdout.readline())
        assert killed.wait(60) == -signal.SIGKILL
    os.kill(worker, signal.SIGCONT)
    deadline = time.monotonic() + 60
    while _is_there(worker):
        assert time.monotonic() < deadline, "it is still there"
        time.sleep(0.05)


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_error_in_a_process_comes_through() -> None:
    with pytest.raises(ZeroDivisionError), workers(1, are_processes=True) as submit:
        submit(divmod, 1, 0).result()
