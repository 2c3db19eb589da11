"""An annotator whose requests are sent, or whose model computes, on the machines of a Ray cluster.

Only that is there. The budget, the store, the limit on the requests in flight and the patience are
of the one process that asks, as without a cluster: an answer is stored before the next question is
put, and what a lost worker may have spent is booked.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from noisefix.annotators.budget import NO_USAGE, Usage
from noisefix.annotators.exchange import Reply
from noisefix.annotators.hosts import LOT, Hosting, ModelHost, Sent, ServerHost
from noisefix.annotators.openai_client import OpenAIAnnotator
from noisefix.annotators.openai_connection import ACCOUNT
from noisefix.annotators.protocol import Answer, Identity, Question
from noisefix.annotators.retry import LostError, RetryPolicy
from noisefix.cluster.actors import Actors, Calls, Spot, WorkerLostError, machine_spots, model_spots
from noisefix.cluster.work import RETRIES
from noisefix.errors import ModelError

_LOST = (
    "its machine may have too little memory, or this row ends the process; Ray's log of the worker "
    "says more"
)

_LOTS_EACH = 2
"""Lots of questions that a model has at once: one is read while the other is computed."""


class DistributedAnnotator:
    """Asks through actors; to be closed.

    Args:
        of: the class of the hosts.
        arguments: of its constructor.
        spots: where the hosts live.
        concurrency: most questions under way.
        policy: patience.
        is_model: hosts compute, so that a question can be what ends one.

    Attributes:
        identity: who answers: the same as without a cluster, and so are the keys in the store.
        shares_prefix: see ``LocalAnnotator``.

    Raises:
        ModelError: a model cannot be loaded, or differs between machines; no worker can be started.
    """

    def __init__(
        self,
        of: Callable[..., Any],
        arguments: Sequence[Any],
        spots: Sequence[Spot],
        *,
        concurrency: int,
        policy: RetryPolicy,
        is_model: bool,
    ) -> None:
        self.concurrency, self.policy, self.is_model = concurrency, policy, is_model
        self._known: Hosting | None = None
        self._actors = Actors(of, arguments, spots, self._check, self.concurrency)
        try:
            self._actors.first_ready()
        except BaseException:
            self._actors.close()
            raise

    def __enter__(self) -> DistributedAnnotator:
        return self

    def __exit__(self, *_: object) -> None:
        self._actors.close()

    @property
    def identity(self) -> Identity:
        """Who answers."""
        assert self._known is not None
        assert self._known.identity is not None
        return self._known.identity

    @property
    def shares_prefix(self) -> bool:
        """The model reads a prompt once for all labels of its pool."""
        assert self._known is not None
        return self._known.shares_prefix

    def annotate(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """Yield the answers as they arrive."""
        from noisefix.annotators.engine import ask

        return ask(self, questions)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[DistributedSession]:
        """Call the hosts from the running event loop."""
        async with self._actors.calls() as calls:
            yield DistributedSession(calls, is_model=self.is_model)

    def _check(self, facts: Hosting) -> None:
        if facts.problem is not None:
            raise facts.problem
        if self._known is None:
            self._known = facts
        elif facts.identity != self._known.identity:
            raise ModelError(
                f"--executor ray: the model on {facts.machine} has other files than that on "
                f"{self._known.machine}, or computes in another precision",
                "put the same model on all machines; machines with and without a card, or with "
                "cards of several kinds, cannot answer together: name the --device",
            )


class DistributedSession:
    """The hosts, as they are seen from one event loop."""

    def __init__(self, calls: Calls, *, is_model: bool) -> None:
        self.calls, self.is_model = calls, is_model
        self._numbers = itertools.count()

    def exchange(self, question: Question) -> DistributedExchange:
        """Begin with a question."""
        return DistributedExchange(self, next(self._numbers), question)


class DistributedExchange:
    """One question under way: its requests go to whichever host has least to do.

    A host that dies takes what is known of the question with it, and the next one begins anew. A
    question that was with a model when its process ended is put to one alone: if that ends too, it
    is known why.
    """

    def __init__(self, session: DistributedSession, number: int, question: Question) -> None:
        self.usage: Usage = NO_USAGE
        self._session, self._number, self._question = session, number, question
        self._host: Any = None
        self._at_other_hosts: Usage = NO_USAGE
        self._fallback: Reply | None = None
        self._was_lost = False

    async def send(self) -> Reply | None:
        """Have one request sent; None when another one is needed."""
        suspect = self._session.is_model and self._was_lost
        try:
            host, sent = await self._session.calls.call(
                "send", self._number, self._question, at=self._host, alone=suspect
            )
        except WorkerLostError as error:
            self._was_lost = True
            raise LostError(
                f"the worker that had the question was lost ({error})", _LOST
            ) from error
        assert isinstance(sent, Sent)
        if host is not self._host:
            self._host, self._at_other_hosts = host, self.usage
        self.usage = self._at_other_hosts + sent.usage
        self._fallback = sent.fallback or self._fallback
        if sent.problem is not None:
            raise sent.problem
        return sent.reply

    def fallback(self) -> Reply | None:
        """Return the useless answer, which was paid for, when asking again did not work out."""
        return self._fallback


def over_servers(annotator: OpenAIAnnotator) -> DistributedAnnotator:
    """Return the annotator that sends its requests from every machine of the cluster."""
    environment = {name: os.environ[name] for name in ACCOUNT.values() if name in os.environ}
    return DistributedAnnotator(
        ServerHost,
        (annotator, environment),
        machine_spots(),
        concurrency=annotator.concurrency,
        policy=annotator.policy,
        is_model=False,
    )


def over_models(folder: str, device: str) -> DistributedAnnotator:
    """Return the annotator that has a model on every card, or for every few cores."""
    spots = model_spots(on_cards=device in ("auto", "cuda"))
    path = str(Path(folder).absolute())
    # The first time that a worker is lost another question may be to blame.
    policy = RetryPolicy(max_attempts=1 + RETRIES + 1, timeout_s=math.inf)
    concurrency = _LOTS_EACH * LOT * len(spots)
    return DistributedAnnotator(
        ModelHost, (path, device), spots, concurrency=concurrency, policy=policy, is_model=True
    )
