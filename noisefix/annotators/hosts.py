"""Annotators in other processes: what happens there, and what goes to and fro.

A host lives where the work is done. Whoever asks sends it one question at a time, many at once, and
has the whole outcome back, errors as values: the waiting, the books and the store stay with them.
"""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from noisefix.annotators.budget import NO_USAGE, Usage
from noisefix.annotators.exchange import ConcurrentAnnotator, Exchange, Reply, Session
from noisefix.annotators.protocol import Answer, Identity, Question
from noisefix.annotators.retry import RejectedError, RetryableError
from noisefix.errors import NoisefixError

if TYPE_CHECKING:
    from noisefix.annotators.local import LocalAnnotator

LOT = 64
"""Questions that a model is given at once: it sorts them by length."""

_KEPT = 4_096
"""Questions under way that a host remembers; those beyond begin anew."""


@dataclass(frozen=True)
class Sent:
    """What came of one request.

    Attributes:
        reply: the outcome; None: another request is needed, or there was a problem.
        usage: tokens billed for the question so far.
        fallback: see ``Exchange.fallback``.
        problem: what ``Exchange.send`` raised.
    """

    reply: Reply | None
    usage: Usage = NO_USAGE
    fallback: Reply | None = None
    problem: Exception | None = None


@dataclass(frozen=True)
class Hosting:
    """What a host says of itself when it is ready; ``problem``: it never will be."""

    machine: str
    identity: Identity | None = None
    shares_prefix: bool = True
    problem: NoisefixError | None = None


class Host(Protocol):
    """An annotator's other half."""

    async def open(self) -> Hosting:
        """Get ready."""
        ...

    async def send(self, number: int, question: Question) -> Sent:
        """Send one request for a question; ``number`` is the same for all of its requests."""
        ...


class ServerHost:
    """Sends requests to a server, from the machine on which it runs.

    Args:
        annotator: speaks to the server.
        environment: variables of whoever asks that its requests depend on.
    """

    def __init__(self, annotator: ConcurrentAnnotator, environment: Mapping[str, str]) -> None:
        self._annotator, self._environment = annotator, dict(environment)
        self._open = AsyncExitStack()
        self._session: Session | None = None
        self._under_way: dict[int, Exchange] = {}

    async def open(self) -> Hosting:
        """Open the connections."""
        os.environ.update(self._environment)
        self._session = await self._open.enter_async_context(self._annotator.session())
        return Hosting(platform.node(), self._annotator.identity)

    async def send(self, number: int, question: Question) -> Sent:
        """Send one request; what is known of the question stays here until it is through."""
        assert self._session is not None, "open() comes first"
        exchange = self._under_way.pop(number, None) or self._session.exchange(question)
        reply, problem = None, None
        try:
            reply = await exchange.send()
        except (RetryableError, RejectedError, NoisefixError) as error:
            problem = error
        if reply is None and (problem is None or isinstance(problem, RetryableError)):
            self._under_way[number] = exchange
            while len(self._under_way) > _KEPT:  # given up by whoever asked
                del self._under_way[next(iter(self._under_way))]
        return Sent(reply, exchange.usage, exchange.fallback(), problem)


class ModelHost:
    """Has a model of its own, which takes the questions that wait for it in lots.

    Args:
        path: its folder.
        device: as for ``load_local_model``.
    """

    def __init__(self, path: str, device: str) -> None:
        self._path, self._device = path, device
        self._annotator: LocalAnnotator | None = None
        self._line: list[tuple[Question, asyncio.Future[Sent]]] = []
        self._work: asyncio.Task[None] | None = None

    async def open(self) -> Hosting:
        """Load the model."""
        try:
            return await asyncio.to_thread(self._load)
        except NoisefixError as error:
            there = platform.node()
            problem = type(error)(f"on {there}: {error.message}", error.hint)
            return Hosting(there, problem=problem)

    def _load(self) -> Hosting:
        from noisefix.annotators.local import LocalAnnotator
        from noisefix.annotators.local_model import load_local_model

        self._annotator = LocalAnnotator(load_local_model(self._path, self._device))
        shares = self._annotator.shares_prefix
        return Hosting(platform.node(), self._annotator.identity, shares)

    async def send(self, number: int, question: Question) -> Sent:
        """Put the question in line, and wait for its answer."""
        answered: asyncio.Future[Sent] = asyncio.get_running_loop().create_future()
        self._line.append((question, answered))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._work_off())
        return await answered

    async def _work_off(self) -> None:
        loop = asyncio.get_running_loop()
        while self._line:
            lot, self._line = self._line[:LOT], self._line[LOT:]
            lot = [item for item in lot if not item[1].done()]
            await asyncio.to_thread(self._answer, lot, loop)

    def _answer(
        self,
        lot: list[tuple[Question, asyncio.Future[Sent]]],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Answer a lot, each question as soon as it can be: in a thread."""
        assert self._annotator is not None, "open() comes first"
        waiting = {(question.id, question.vote): answered for question, answered in lot}
        problem: Exception = RuntimeError("the model has left a question out")
        try:
            for answer in self._annotator.annotate([question for question, _ in lot]):
                answered = waiting.pop((answer.id, answer.vote))
                loop.call_soon_threadsafe(_hand_over, answered, _sent(answer))
        except Exception as error:  # whoever asks raises it, errors and bugs alike
            problem = error
        for answered in waiting.values():
            loop.call_soon_threadsafe(_hand_over, answered, Sent(None, problem=problem))


def _hand_over(answered: asyncio.Future[Sent], sent: Sent) -> None:
    if not answered.done():
        answered.set_result(sent)


def _sent(answer: Answer) -> Sent:
    if answer.answer is None:
        return Sent(None, problem=RejectedError(answer.error or "the model gave no answer"))
    reply = Reply(
        answer.answer,
        answer.is_label,
        answer.confidence,
        answer.probabilities,
        answer.raw_answer,
    )
    return Sent(reply, Usage(answer.input_tokens, answer.output_tokens))
