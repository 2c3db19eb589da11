"""Work in threads: one BLAS thread each, results in order.

NumPy leaves Python's lock during its loops and products, so threads over blocks of rows use every
core for all of the work, where BLAS threads only speed up the products. It also keeps results
independent of the number of threads, and stays quick on a busy machine: OpenBLAS threads that wait
for each other there turn a 0.02 s eigendecomposition into seconds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def n_threads() -> int:
    """Return how many threads to use: OMP_NUM_THREADS, else the cores this process may use."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let BLAS use one thread within the block, whoever calls it."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1, user_api="blas"):
        yield


def thread_map(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Return ``[function(item) for item in items]``, worked out in threads.

    Call it within ``one_blas_thread``. The first exception is raised as it is.
    """
    items = list(items)
    workers = min(n_threads(), len(items))
    if workers <= 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, items))
