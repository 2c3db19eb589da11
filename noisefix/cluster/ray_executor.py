"""An ``Executor`` on a Ray cluster: tasks on its cores, an actor on each of its cards."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from noisefix.cluster.connection import check_machines, connect, leave
from noisefix.cluster.ray_cards import on_cards
from noisefix.cluster.work import RETRIES, TASKS_PER_WORKER, lost, name_of, result_of, run_task

T = TypeVar("T")
R = TypeVar("R")


class RayExecutor:
    """Works off tasks on a cluster, which is reached when there is the first one."""

    is_here = False

    def __init__(self, address: str | None, folder: Path) -> None:
        """Set up.

        Args:
            address: as ``connect`` takes it.
            folder: where the tasks write; checked to be seen by all machines.
        """
        self._address, self._folder = address, folder
        self._is_connected = self._is_mine = False

    @property
    def n_workers(self) -> int:
        """Return how many cores the cluster has at the moment."""
        return max(self._n("CPU"), 1)

    def map(
        self, function: Callable[[T], R], tasks: Iterable[T], *, on_gpu: bool = False
    ) -> Iterator[R]:
        """Yield ``function(task)`` of every task, in their order."""
        self._connect()  # before anything is asked of Ray, which would start a cluster of its own
        n_cards = self._n("GPU") if on_gpu else 0
        named = ((name_of(task, number), task) for number, task in enumerate(tasks))
        yield from (
            on_cards(function, named, n_cards) if n_cards else self._on_cores(function, named)
        )

    def close(self) -> None:
        """Leave the cluster, if this executor has reached or started it."""
        if self._is_mine:
            leave()
        self._is_connected = self._is_mine = False

    def _on_cores(self, function: Callable[[T], R], named: Iterable[tuple[str, T]]) -> Iterator[R]:
        import ray

        run: Any = ray.remote(num_cpus=1, max_retries=RETRIES)(run_task)
        shared = ray.put(function)
        waiting: deque[tuple[str, Any]] = deque()
        try:
            for name, task in named:
                while len(waiting) >= TASKS_PER_WORKER * self.n_workers:
                    yield _answer(*waiting.popleft())
                waiting.append((name, run.remote(shared, task)))
            while waiting:
                yield _answer(*waiting.popleft())
        finally:
            for _, left in waiting:
                ray.cancel(left)

    def _connect(self) -> None:
        if not self._is_connected:
            self._is_mine = connect(self._address)
            self._is_connected = True
            check_machines(self._folder)

    def _n(self, kind: str) -> int:
        """Return how many cores or cards the cluster has."""
        import ray

        self._connect()
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        return int(resources.get(kind, 0))


def _answer(name: str, answer: Any) -> Any:
    import ray

    try:
        return result_of(ray.get(answer))
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except ray.exceptions.RayError as error:
        raise lost(name, error) from error
