"""Who works off the pieces of a big job: this process, or others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Executor(Protocol):
    """Works off tasks that hang on nothing but their arguments.

    A function given to one is a function of a module, or a ``partial`` of one, and it, its tasks
    and its results can be pickled: it may run in another process, or on another machine that sees
    the same files. It may run twice for the same task, where a worker was lost; so a file that it
    writes takes its place whole. A task may have a ``name``, for messages: "rows 1 to 4,000".
    """

    @property
    def n_workers(self) -> int:
        """Return how many tasks run at once."""

    @property
    def is_here(self) -> bool:
        """Say whether tasks run in this process, so that a function may hold what it likes."""

    def map(
        self, function: Callable[[T], R], tasks: Iterable[T], *, on_gpu: bool = False
    ) -> Iterator[R]:
        """Yield ``function(task)`` of every task, in the order of the tasks.

        Args:
            function: what is done with each.
            tasks: taken when there is room for one more, so that a few exist at a time.
            on_gpu: each worker needs a card of its own, where there are any.

        Raises:
            NoisefixError: what the function raised, or a task that no worker survives.
        """


class InTurn:
    """Works off one task after the other in this process."""

    n_workers = 1
    is_here = True

    def map(
        self, function: Callable[[T], R], tasks: Iterable[T], *, on_gpu: bool = False
    ) -> Iterator[R]:
        """Yield ``function(task)`` of every task, each worked out when it is asked for."""
        return map(function, tasks)


IN_TURN = InTurn()
