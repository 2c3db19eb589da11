"""Tasks on the cards of a cluster: one actor for each, which keeps what it has loaded.

A task that uses a card ends its process in Ray, so that the card's memory is free; an actor stays.
One that dies is replaced, and its task is given to another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from noisefix.cluster.work import RETRIES, TASKS_PER_WORKER, lost, result_of, run_task
from noisefix.errors import ModelError

T = TypeVar("T")
R = TypeVar("R")

_PATIENCE_S = 300.0
"""How long to wait for a card when there is none left, in seconds."""


def on_cards(
    function: Callable[[T], R], named: Iterable[tuple[str, T]], n_cards: int
) -> Iterator[R]:
    """Yield ``function(task)`` of every task, in order, each worked out on one of the cards.

    Args:
        function: what is done with each.
        named: (name, task), taken when there is room for one more.
        n_cards: cards to use.

    Raises:
        NoisefixError: what the function raised; a task or all the cards are lost.
    """
    cards = _Cards(function, n_cards)
    try:
        yield from cards.results(
            _Job(number, name, task) for number, (name, task) in enumerate(named)
        )
    finally:
        cards.close()


@dataclass(eq=False)
class _Job:
    """A task, and how often its worker was lost."""

    number: int
    name: str
    task: Any
    n_lost: int = 0


class Card:
    """What an actor is."""

    def ready(self) -> None:
        """Answer as soon as there is a card."""

    def run(self, function: Callable[[T], R], task: T) -> Any:
        """Run a task."""
        return run_task(function, task)


class _Cards:
    """The actors, and who has which job."""

    def __init__(self, function: Callable[[T], R], n_cards: int) -> None:
        import ray

        self._make: Any = ray.remote(num_gpus=1, num_cpus=0, max_restarts=0)(Card)
        self._function = ray.put(function)
        self._n_cards = n_cards
        self._busy: dict[Any, tuple[Any, _Job | None]] = {}
        self._idle: list[Any] = []
        self._again: deque[_Job] = deque()
        self._n_failed_starts = 0
        for _ in range(n_cards):
            self._start()

    def results(self, coming: Iterator[_Job]) -> Iterator[Any]:
        """Yield the results in order; no more than a few jobs are taken before their turn."""
        done: dict[int, Any] = {}
        n_taken = n_yielded = 0
        is_all_taken = False
        while True:
            while self._idle and not (is_all_taken and not self._again):
                job = self._again.popleft() if self._again else None
                if job is None:
                    if n_taken - n_yielded >= TASKS_PER_WORKER * self._n_cards:
                        break
                    job = next(coming, None)
                    if job is None:
                        is_all_taken = True
                        break
                    n_taken += 1
                self._give(job)
            if n_yielded == n_taken and is_all_taken:
                return
            finished = self._finished()
            if finished is not None:
                number, value = finished
                done[number] = value
            while n_yielded in done:
                yield result_of(done.pop(n_yielded))
                n_yielded += 1

    def close(self) -> None:
        """Free the cards."""
        import ray

        for actor in [*self._idle, *(actor for actor, _ in self._busy.values())]:
            ray.kill(actor)

    def _start(self) -> None:
        actor = self._make.remote()
        self._busy[actor.ready.remote()] = actor, None

    def _give(self, job: _Job) -> None:
        actor = self._idle.pop()
        self._busy[actor.run.remote(self._function, job.task)] = actor, job

    def _finished(self) -> tuple[int, Any] | None:
        """Wait for an actor; return the number and result of its job, if it had and ended one."""
        import ray

        answers, _ = ray.wait(list(self._busy), timeout=_PATIENCE_S)
        if not answers:
            if all(job is None for _, job in self._busy.values()):
                raise ModelError(
                    f"--executor ray: no card of the cluster is free for {_PATIENCE_S:.0f} s",
                    "ray status says who has them; --device cpu does without",
                )
            return None
        actor, job = self._busy.pop(answers[0])
        try:
            value = ray.get(answers[0])
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error
        except ray.exceptions.RayError as error:
            self._restart(job, error)
            return None
        self._idle.append(actor)
        return None if job is None else (job.number, value)

    def _restart(self, job: _Job | None, error: Exception) -> None:
        """Start another actor for one that died; its job is to be done again."""
        if job is None:
            self._n_failed_starts += 1
            if self._n_failed_starts > RETRIES:
                reason = (str(error).strip().splitlines() or [""])[0]
                raise ModelError(
                    f"--executor ray: no worker can be started on a card: {reason}",
                    "Ray's log of the worker says more; --device cpu does without cards",
                ) from error
        else:
            job.n_lost += 1
            if job.n_lost > RETRIES:
                raise lost(job.name, error) from error
            self._again.append(job)
        self._start()
