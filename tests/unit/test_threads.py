"""Threads: results in order, BLAS back to what it was afterwards."""

import threading
import time

import pytest
from threadpoolctl import threadpool_info

from noisefix.threads import n_threads, one_blas_thread, thread_map


def blas_threads():
    return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]


def test_results_come_in_the_order_of_the_items(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")

    def slow_first(item):
        time.sleep(0.02 if item == 0 else 0)
        return item, threading.get_ident()

    results = thread_map(slow_first, range(8))
    assert [item for item, _ in results] == list(range(8))
    assert len({thread for _, thread in results}) > 1


def test_one_thread_and_no_items_work(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert thread_map(str, [1, 2]) == ["1", "2"]
    assert thread_map(str, []) == []


def test_an_exception_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        thread_map(lambda item: 1 // item, [1, 0, 1])


def test_thread_count_follows_the_environment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert n_threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "none")
    assert n_threads() >= 1


def test_blas_is_limited_inside_and_restored_outside():
    before = blas_threads()
    with one_blas_thread():
        assert set(blas_threads()) <= {1}
    assert blas_threads() == before
