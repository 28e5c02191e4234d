import pytest
from threadpoolctl import threadpool_info

from ml.learning.cores import in_threads, one_core


def test_results_keep_the_order_of_the_items() -> None:
    assert in_threads(lambda number: number * 2, range(20)) == [number * 2 for number in range(20)]


def test_an_error_in_a_thread_comes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda number: 1 // number, [1, 0])


def test_a_call_has_one_thread_of_openmp() -> None:
    import sklearn.ensemble  # noqa: F401 -- loads OpenMP

    def threads() -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"}

    before = threads()
    assert one_core(threads) == {1}
    assert threads() == before
