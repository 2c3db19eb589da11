"""What the engine needs of an annotator that can answer many questions at once.

Such an annotator opens a *session* in the engine's event loop; the session makes an *exchange* for
each question; an exchange sends one request at a time. The engine decides when: it holds the
limits, waits, retries, keeps the books and stores the answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from noisefix.annotators.budget import Usage
from noisefix.annotators.protocol import Answer, Identity, Question
from noisefix.annotators.retry import RetryPolicy


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
