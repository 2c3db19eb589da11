"""How far a run of questions is, how fast, and what it will have cost in the end."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from noisefix.annotators.budget import Account
from noisefix.annotators.protocol import Answer

_RATE_WINDOW_S = 10.0


@dataclass(frozen=True)
class AskProgress:
    """One moment of a run.

    Attributes:
        done: questions that are through: answered, found in the store, or failed.
        total: questions in all; None when that is not known.
        answered: questions answered by the annotator in this run.
        reused: questions answered from the store or by an identical question.
        failed: questions without an answer.
        in_flight: questions under way.
        requests_per_s: answers in a second, over the last ten seconds.
        input_tokens: tokens sent in this run.
        output_tokens: tokens received in this run.
        cost_usd: spent in this run; None when no prices are known.
        projected_cost_usd: what the run will have cost at its end; None when not known.
        remaining_s: seconds left; None when not known.
        notes: what a user should know of the answers so far, those of earlier goes included.
    """

    done: int
    total: int | None
    answered: int
    reused: int
    failed: int
    in_flight: int
    requests_per_s: float
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    projected_cost_usd: float | None
    remaining_s: float | None
    notes: tuple[str, ...] = ()


class Meter:
    """Counts answers, and tells ``progress`` about them a few times a second.

    Args:
        account: the books of the run.
        total: questions in all, where that is known.
        progress: called with each ``AskProgress``, in the thread that takes the answers.
        every_s: seconds between two calls.
        clock: for tests.
    """

    def __init__(
        self,
        account: Account,
        total: int | None = None,
        progress: Callable[[AskProgress], None] | None = None,
        every_s: float = 0.25,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._account = account
        self._total = total
        self._progress = progress
        self._every_s = every_s
        self._clock = clock
        self._told_at = self._started_at = clock()
        self._answered = self._reused = self._failed = 0
        self._history: deque[tuple[float, int]] = deque([(self._started_at, 0)])

    def count(self, answer: Answer) -> None:
        """Count one answer, and report when it is time."""
        if answer.error is not None:
            self._failed += 1
        elif answer.reused:
            self._reused += 1
        else:
            self._answered += 1
        self.tick()

    def tick(self, *, is_last: bool = False) -> None:
        """Report when it is time, or in any case at the end."""
        if self._progress is None:
            return
        now = self._clock()
        if not is_last and now - self._told_at < self._every_s:
            return
        self._told_at = now
        self._progress(self.now())

    def now(self) -> AskProgress:
        """Return where the run stands."""
        account, rate = self._account, self._rate()
        done = self._answered + self._reused + self._failed
        left = None if self._total is None else max(self._total - done, 0)
        cost = account.cost_usd
        projected = None
        if cost is not None and left is not None and account.settled:
            projected = cost + left * cost / account.settled
        return AskProgress(
            done=done,
            total=self._total,
            answered=self._answered,
            reused=self._reused,
            failed=self._failed,
            in_flight=account.running,
            requests_per_s=rate,
            input_tokens=round(account.input_tokens),
            output_tokens=round(account.output_tokens),
            cost_usd=cost,
            projected_cost_usd=projected,
            remaining_s=left / rate if left is not None and rate > 0 else None,
        )

    def _rate(self) -> float:
        now = self._clock()
        self._history.append((now, self._answered))
        while len(self._history) > 2 and now - self._history[1][0] > _RATE_WINDOW_S:
            self._history.popleft()
        since, before = self._history[0]
        return (self._answered - before) / (now - since) if now > since else 0.0
