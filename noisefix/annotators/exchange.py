"""What the engine needs of an annotator that can answer many questions at once.

Such an annotator opens a *session* in the engine's event loop; the session makes an *exchange* for
each question; an exchange sends one request at a time. The engine decides when: it holds the
limits, waits, retries, keeps the books and stores the answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from noisefix.annotators.budget import NO_USAGE, Prices, Usage
from noisefix.annotators.protocol import Answer, Identity, Question
from noisefix.annotators.retry import RetryableError, RetryPolicy


@dataclass(frozen=True)
class Reply:
    """The outcome of an exchange; see ``Answer`` for the fields.

    ``is_cut`` says that the answer is ``invalid`` because it was cut off at its longest length, or
    because its reasoning has no end.
    """

    answer: str
    is_label: bool = False
    confidence: float | None = None
    probabilities: dict[str, float] | None = None
    raw_answer: str | None = None
    is_cut: bool = False


class Exchange(Protocol):
    """One question under way."""

    @property
    def usage(self) -> Usage:
        """Tokens billed so far."""
        ...

    async def send(self) -> Reply | None:
        """Send one request; None when another one is needed, at once.

        Raises:
            RetryableError: it may work later.
            RejectedError: it will not work for this question.
            ServiceError: it will not work for any.
        """
        ...

    def fallback(self) -> Reply | None:
        """Return the outcome when the exchange cannot go on; None when nothing was received."""
        ...


class Session(Protocol):
    """Open connections to whoever answers."""

    def exchange(self, question: Question) -> Exchange:
        """Begin with a question."""
        ...


@runtime_checkable
class ConcurrentAnnotator(Protocol):
    """An annotator that is asked many questions at once."""

    identity: Identity
    concurrency: int
    policy: RetryPolicy

    def annotate(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """Yield answers as they arrive."""
        ...

    def session(self) -> AbstractAsyncContextManager[Session]:
        """Open the connections; called in the event loop that will use them."""
        ...


_WINDOWS = 1.25
"""So many windows of a limit are waited out before refusals alone make a question hopeless."""


class Attempts:
    """The requests made for one question.

    Args:
        n_replies: replies that the service has given to any question so far.

    Attributes:
        lost: tokens that requests are taken to have cost whose answers are lost.
    """

    def __init__(self, n_replies: int) -> None:
        self.lost: Usage = NO_USAGE
        self.reply: Reply | None = None
        self.error: str | None = None
        self.hint = ""
        self.requests = 0
        self.latency_s: float | None = None
        self.failures = 0
        self._counted_failures = 0
        self._failed_at: float | None = None
        self._n_replies = n_replies

    @property
    def is_over(self) -> bool:
        """True when there is a reply or an error, and nothing more to send."""
        return self.reply is not None or self.error is not None

    def is_hopeless(
        self, problem: RetryableError, n_replies: int, policy: RetryPolicy, now: float
    ) -> bool:
        """Count a failure; when it was one too many, make it the error and return True.

        A 429 counts only when no other question got a reply since the last failure: as long as
        others get through, this one waits for its turn. 429s alone are no reason to give up before
        a limit by the minute must have begun anew.

        Args:
            problem: the failure.
            n_replies: replies that the service has given to any question so far.
            policy: patience.
            now: the event loop's time.
        """
        if self._failed_at is None:
            self._failed_at = now
        others_get_through = n_replies > self._n_replies
        self._n_replies = n_replies
        self.failures += 1
        if not (problem.slow_down and others_get_through):
            self._counted_failures += 1
        if self._counted_failures < policy.max_attempts and self.failures < policy.most_attempts:
            return False
        if problem.slow_down and now - self._failed_at < _WINDOWS * policy.window_s:
            return False
        self.error = f"{problem.message} ({self.failures} attempts)"
        self.hint = problem.hint
        return True

    def answer(
        self,
        key: bytes,
        question: Question,
        identity: Identity,
        usage: Usage,
        prices: Prices | None,
    ) -> Answer:
        """Return the answer, or what stands for one that did not come."""
        return replace(
            answer_of(self.reply, question, identity, key, usage, prices),
            latency_s=self.latency_s,
            attempts=self.requests,
            error=self.error if self.reply is None else None,
        )


def answer_of(
    reply: Reply | None,
    question: Question,
    identity: Identity,
    key: bytes,
    usage: Usage,
    prices: Prices | None,
) -> Answer:
    """Return the answer that a service's reply stands for, what it took booked in it.

    Args:
        reply: None: there is none.
        question: what was asked.
        identity: who was asked.
        key: the question's store key.
        usage: tokens billed.
        prices: what they cost; None: not known.
    """
    answer = replace(
        question.blank(identity),
        prompt_sha256=key.hex(),
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd=usage.cost_usd(prices),
    )
    if reply is None:
        return answer
    return replace(
        answer,
        answer=reply.answer,
        is_label=reply.is_label,
        confidence=reply.confidence,
        probabilities=reply.probabilities,
        raw_answer=question.kept(reply.raw_answer),
        rejected=question.rejected_by(reply.answer, is_label=reply.is_label),
    )
