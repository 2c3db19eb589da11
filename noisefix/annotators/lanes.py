"""Many questions in flight at once: an event loop in a thread, one lane for each request."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import numpy as np

from noisefix.annotators.budget import Account, Estimate
from noisefix.annotators.exchange import ConcurrentAnnotator, Exchange, Reply, Session
from noisefix.annotators.protocol import Answer, Question
from noisefix.annotators.retry import RejectedError, RetryableError
from noisefix.annotators.store import AnswerStore
from noisefix.annotators.streaks import Streaks
from noisefix.annotators.throttle import Throttle
from noisefix.errors import ServiceError

_SYNC_EVERY_S = 1.0
_HAND_OVER_EVERY_S = 0.005

Outcome = tuple[bytes, Answer | None]
"""Key and answer; None when the run ended before the question was asked."""


class Lanes:
    """Asks questions concurrently; a context manager, whose exit drops what is in flight.

    Every answer is in the store before it is handed over, and before its lane goes on to the next
    question. Every question submitted comes back exactly once from ``collect``, as long as the
    thread ``is_running``. After a ``failure`` nothing more is asked; what is in flight still comes.

    Args:
        annotator: who is asked.
        account: the books; only touched in the event loop from here on.
        store: where answers go; None to keep none.
        seed: of the jitter in waiting times.
    """

    def __init__(
        self,
        annotator: ConcurrentAnnotator,
        account: Account,
        store: AnswerStore | None,
        seed: int = 0,
    ) -> None:
        self.failure: BaseException | None = None
        self._annotator = annotator
        self._policy = annotator.policy
        self._account = account
        self._store = store
        self._random = np.random.default_rng(seed)
        self._outcomes: queue.SimpleQueue[list[Outcome]] = queue.SimpleQueue()
        self._outbox: list[Outcome] = []
        self._streaks = Streaks()
        self._n_replies = 0
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._thread_main, name="noisefix-ask", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(RuntimeError):  # the loop may just have ended
            if self.is_running:
                self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    @property
    def is_running(self) -> bool:
        """False when the thread has ended: what is not collected by then never comes back."""
        return self._thread.is_alive()

    def submit(self, questions: Sequence[tuple[bytes, Question]]) -> None:
        """Put questions, with their store keys, in line."""
        with contextlib.suppress(RuntimeError):  # the loop may just have ended
            if questions and self.is_running:
                self._loop.call_soon_threadsafe(self._line_up, questions)

    def collect(self, timeout_s: float) -> list[Outcome]:
        """Return what has come back, waiting up to ``timeout_s`` for the first of it."""
        outcomes: list[Outcome] = []
        try:
            outcomes += self._outcomes.get(timeout=timeout_s) if timeout_s else self._at_once()
            while True:
                outcomes += self._at_once()
        except queue.Empty:
            return outcomes

    def _at_once(self) -> list[Outcome]:
        return self._outcomes.get_nowait()

    # From here on: in the thread of the event loop.

    def _thread_main(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # told to whoever collects, who raises it
            self.failure = self.failure or error
        finally:
            self._started.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._line: asyncio.Queue[tuple[bytes, Question]] = asyncio.Queue()
        self._closing = asyncio.Event()
        self._throttle = Throttle(self._annotator.concurrency)
        self._short_of_budget: list[asyncio.Future[None]] = []
        async with self._annotator.session() as session, asyncio.TaskGroup() as tasks:
            work = [
                tasks.create_task(self._lane(session, number))
                for number in range(self._annotator.concurrency)
            ]
            work.append(tasks.create_task(self._sync_now_and_then()))
            self._started.set()
            await self._closing.wait()
            for task in work:
                task.cancel()

    def _line_up(self, questions: Sequence[tuple[bytes, Question]]) -> None:
        for item in questions:
            self._line.put_nowait(item)

    async def _lane(self, session: Session, number: int) -> None:
        while True:
            key, question = await self._line.get()
            answer = None
            try:
                answer = await self._answer(session, number, key, question)
            except Exception as error:  # the consumer raises it, errors and bugs alike
                self._fail(error)
            self._hand_over((key, answer))

    async def _answer(
        self, session: Session, lane: int, key: bytes, question: Question
    ) -> Answer | None:
        estimate = await self._permit(question)
        if estimate is None:
            return None
        exchange = session.exchange(question, lane)
        outcome = _Attempts()
        outcome.replies_before = self._n_replies
        try:
            await self._exchange(exchange, outcome)
            outcome.reply = outcome.reply or exchange.fallback()
        finally:
            is_paid = outcome.reply is not None or exchange.usage.input_tokens is not None
            self._account.settle(question, estimate, exchange.usage, paid=is_paid)
            self._tell_those_short_of_budget()
        if outcome.reply is None and outcome.error is None:
            return None  # the run ended meanwhile
        answer = self._made_up(key, question, exchange, outcome)
        if self._store is not None and answer.answer is not None:
            self._store.put(key, answer)
        hopeless = self._streaks.judge(answer, outcome.hint)
        if hopeless is not None:
            self._fail(hopeless)
        return answer

    async def _exchange(self, exchange: Exchange, outcome: _Attempts) -> None:
        """Send requests until there is a reply, an error, or nothing more is to be sent."""
        while outcome.reply is None and outcome.error is None:
            entered_at = await self._throttle.enter()
            problem: RetryableError | None = None
            try:
                if self.failure is not None:
                    return
                outcome.attempts += 1
                started_at = self._loop.time()
                async with asyncio.timeout(self._policy.timeout_s):
                    outcome.reply = await exchange.send()
                outcome.latency_s = self._loop.time() - started_at
                self._n_replies += 1
            except TimeoutError:
                problem = RetryableError(
                    f"no complete answer within {self._policy.timeout_s:g} s",
                    "raise --timeout, or lower --concurrency when the server is slow",
                )
                self._throttle.open_up()
            except RetryableError as error:
                problem = error
            except RejectedError as error:
                outcome.error, outcome.hint = error.message, error.hint
            finally:
                self._throttle.leave(succeeded=outcome.reply is not None)
            if problem is not None:
                await self._wait_for(problem, outcome, entered_at)

    async def _wait_for(
        self, problem: RetryableError, outcome: _Attempts, entered_at: float
    ) -> None:
        wait_s, longest = problem.retry_after, self._policy.longest_retry_after_s
        if problem.slow_down:
            self._throttle.slow_down(entered_at)
        if wait_s is not None and wait_s > longest:
            self._fail(
                ServiceError(
                    f"{problem.message}; the server asks to wait for {wait_s:.0f} s"
                    f" (the longest wait is {longest:.0f} s)",
                    "run again later: what is stored will not be asked again",
                )
            )
            return
        others_get_through = self._n_replies > outcome.replies_before
        outcome.replies_before = self._n_replies
        outcome.failures += 1
        if not (problem.slow_down and others_get_through):
            outcome.hard_failures += 1
        policy = self._policy
        if outcome.hard_failures >= policy.max_attempts or outcome.failures >= policy.most_attempts:
            outcome.error = f"{problem.message} ({outcome.failures} attempts)"
            outcome.hint = problem.hint
        elif wait_s is not None:
            self._throttle.pause(wait_s)
        else:
            await self._throttle.nap(self._policy.wait_s(outcome.failures, self._random))

    async def _permit(self, question: Question) -> Estimate | None:
        """Wait until the budget allows the question; None when it never will."""
        while self.failure is None:
            estimate = self._account.try_start(question)
            if estimate is not None:
                return estimate
            if not self._account.running:
                self._fail(self._account.reached())
                break
            waiter = self._loop.create_future()
            self._short_of_budget.append(waiter)
            await waiter
        return None

    def _tell_those_short_of_budget(self) -> None:
        while self._short_of_budget:
            waiter = self._short_of_budget.pop()
            if not waiter.done():
                waiter.set_result(None)

    def _made_up(
        self, key: bytes, question: Question, exchange: Exchange, outcome: _Attempts
    ) -> Answer:
        usage, prices, cost = exchange.usage, self._account.budget.prices, None
        if prices is not None and usage.input_tokens is not None:
            cost = prices.cost_usd(usage.input_tokens, usage.output_tokens or 0)
        reply, identity = outcome.reply, self._annotator.identity
        return Answer(
            id=question.id,
            answer=None if reply is None else reply.answer,
            is_label=reply is not None and reply.is_label,
            confidence=None if reply is None else reply.confidence,
            probabilities=None if reply is None else reply.probabilities,
            annotator=identity.annotator,
            model=identity.model,
            prompt_sha256=key.hex(),
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cost_usd=cost,
            latency_s=outcome.latency_s,
            attempts=outcome.attempts,
            error=outcome.error if reply is None else None,
            raw_answer=None if reply is None else reply.raw_answer,
            vote=question.vote,
        )

    def _fail(self, error: BaseException) -> None:
        """Send nothing more; requests in flight are still waited for."""
        if self.failure is None:
            self.failure = error
            self._throttle.close()
            self._tell_those_short_of_budget()

    def _hand_over(self, outcome: Outcome) -> None:
        if not self._outbox:
            self._loop.call_later(_HAND_OVER_EVERY_S, self._flush)
        self._outbox.append(outcome)

    def _flush(self) -> None:
        outbox, self._outbox = self._outbox, []
        self._outcomes.put(outbox)

    async def _sync_now_and_then(self) -> None:
        while self._store is not None and self.failure is None:
            await asyncio.sleep(_SYNC_EVERY_S)
            try:
                await asyncio.to_thread(self._store.sync)
            except Exception as error:
                self._fail(error)


class _Attempts:
    """What has come of an exchange so far."""

    def __init__(self) -> None:
        self.reply: Reply | None = None
        self.error: str | None = None
        self.hint = ""
        self.attempts = 0
        self.failures = 0
        self.hard_failures = 0
        self.replies_before = 0
        self.latency_s: float | None = None
