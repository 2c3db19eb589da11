"""Many questions in flight at once: an event loop in a thread, a task for each request."""

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
from noisefix.annotators.exchange import Attempts, ConcurrentAnnotator, Exchange, Session
from noisefix.annotators.give_up import GiveUp
from noisefix.annotators.protocol import Answer, Question
from noisefix.annotators.retry import LostError, RejectedError, RetryableError
from noisefix.annotators.store import AnswerStore
from noisefix.annotators.throttle import Throttle
from noisefix.errors import ServiceError

_SYNC_EVERY_S = 1.0
_HAND_OVER_EVERY_S = 0.005
_AFTER_WINDOW = 0.01
"""Share of a window that is waited beyond its end: clocks differ, and requests take a while."""

Outcome = tuple[bytes, Answer | None]
"""Key and answer; None when the run ended before the question was asked."""


class ConcurrentAsking:
    """Asks questions concurrently; a context manager, whose exit drops what is in flight.

    Every answer is in the store before it is handed over, and before its task goes on to the next
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
        self._give_up = GiveUp()
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
            places = range(self._annotator.concurrency)
            work = [tasks.create_task(self._ask_in_line(session)) for _ in places]
            work.append(tasks.create_task(self._sync_now_and_then()))
            self._started.set()
            await self._closing.wait()
            for task in work:
                task.cancel()

    def _line_up(self, questions: Sequence[tuple[bytes, Question]]) -> None:
        for item in questions:
            self._line.put_nowait(item)

    async def _ask_in_line(self, session: Session) -> None:
        while True:
            key, question = await self._line.get()
            answer = None
            try:
                answer = await self._answer(session, key, question)
            except Exception as error:  # the consumer raises it, errors and bugs alike
                self._fail(error)
            self._hand_over((key, answer))

    async def _answer(self, session: Session, key: bytes, question: Question) -> Answer | None:
        started = await self._start(question)
        if started is None:
            return None
        estimate, entered_at = started
        exchange = session.exchange(question)
        outcome = Attempts(self._n_replies)
        try:
            await self._exchange(exchange, outcome, entered_at, estimate)
            outcome.reply = outcome.reply or exchange.fallback()
        finally:
            is_paid = outcome.reply is not None or exchange.usage.input_tokens is not None
            self._account.settle(question, estimate, exchange.usage, paid=is_paid)
            self._tell_those_short_of_budget()
        if not outcome.is_over:
            return None  # the run ended meanwhile
        prices, identity = self._account.budget.prices, self._annotator.identity
        usage = exchange.usage + outcome.lost
        answer = outcome.answer(key, question, identity, usage, prices)
        if self._store is not None and answer.answer is not None:
            self._store.put(key, answer)
        hopeless = self._give_up.judge(answer, outcome.hint)
        if hopeless is not None:
            self._fail(hopeless)
        return answer

    async def _start(self, question: Question) -> tuple[Estimate, float] | None:
        """Wait for a place and for the budget; None when the run ends before.

        The place comes first: the first request goes alone, and what it takes tells the budget
        what to expect of the next ones.
        """
        while self.failure is None:
            entered_at = await self._throttle.enter()
            estimate = None if self.failure else self._account.try_start(question)
            if estimate is not None:
                return estimate, entered_at
            self._throttle.leave()
            if self._account.running:
                waiter = self._loop.create_future()
                self._short_of_budget.append(waiter)
                await waiter
            elif self.failure is None:
                self._fail(self._account.reached())
        return None

    async def _exchange(
        self, exchange: Exchange, outcome: Attempts, entered_at: float, estimate: Estimate
    ) -> None:
        """Send requests until there is a reply, an error, or nothing more is to be sent.

        Takes over the place that was entered, and leaves it.
        """
        while True:
            problem: RetryableError | None = None
            try:
                if self.failure is not None:
                    return
                outcome.requests += 1
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
                if isinstance(error, LostError):
                    outcome.lost += estimate.as_usage()
                    if not self._account.lose(estimate):
                        self._fail(self._account.reached())
            except RejectedError as error:
                outcome.error, outcome.hint = error.message, error.hint
            finally:
                self._throttle.leave(succeeded=outcome.reply is not None)
            if problem is not None:
                await self._wait_for(problem, outcome, entered_at)
            if outcome.is_over:
                return
            entered_at = await self._throttle.enter()

    async def _wait_for(
        self, problem: RetryableError, outcome: Attempts, entered_at: float
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
        now = self._loop.time()
        if outcome.is_hopeless(problem, self._n_replies, self._policy, now):
            return
        if problem.slow_down:  # everybody waits: the limit is the key's, not the row's
            if wait_s is None and problem.per_minute:
                left = self._throttle.window_left_s(self._policy.window_s)
                wait_s = left + _AFTER_WINDOW * self._policy.window_s
            # "Try again in 0 s", say servers that round down.
            again = self._policy.wait_s(max(self._throttle.refusals, 1), self._random)
            wait_s = max(wait_s or 0.0, again)
        if wait_s is not None:
            self._throttle.pause(wait_s)
        else:
            await self._throttle.nap(self._policy.wait_s(outcome.failures, self._random))

    def _tell_those_short_of_budget(self) -> None:
        while self._short_of_budget:
            waiter = self._short_of_budget.pop()
            if not waiter.done():
                waiter.set_result(None)

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
