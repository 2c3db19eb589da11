"""Who works off the pieces of a big job: this process, or others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Executor(Protocol):
    """Works off tasks that hang on nothing but their arguments.

    A function given to one is a function of a module, and its tasks and results can be pickled: it
    may run in another process, or on another machine that sees the same files.
    """

    @property
    def n_workers(self) -> int:
        """Return how many tasks run at once."""

    def map(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
        """Yield ``function(task)`` of every task, in the order of the tasks."""


class InTurn:
    """Works off one task after the other in this process."""

    n_workers = 1

    def map(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
        """Yield ``function(task)`` of every task, each worked out when it is asked for."""
        return map(function, tasks)
