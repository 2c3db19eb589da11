"""Asks an annotator: nothing twice, nothing beyond the budget, and nothing that is lost."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace

from noisefix.annotators.budget import Account, Budget, Estimate, Usage
from noisefix.annotators.concurrent import ConcurrentAsking
from noisefix.annotators.exchange import ConcurrentAnnotator
from noisefix.annotators.give_up import GiveUp
from noisefix.annotators.progress import AskProgress, Meter
from noisefix.annotators.protocol import Annotator, Answer, Question, identity_of, key_maker
from noisefix.annotators.store import AnswerStore, restore
from noisefix.errors import DataError, NoisefixError, ServiceError

_TAKE_AT_ONCE = 256
_TAKE_FOR_S = 0.02
_WAIT_S = 0.2
_SYNC_EVERY_S = 1.0


class UnansweredError(ServiceError):
    """The run is through, but some questions got no answer."""


def ask(
    annotator: Annotator,
    questions: Iterable[Question],
    *,
    store: AnswerStore | None = None,
    budget: Budget | None = None,
    total: int | None = None,
    progress: Callable[[AskProgress], None] | None = None,
    seed: int = 0,
) -> Iterator[Answer]:
    """Ask every question that has no stored answer, and yield all answers as they come.

    Questions are taken from the iterator as they can be asked, and memory does not grow with their
    number. An answer is in the store before it is yielded. Identical questions are asked once.
    Closing the generator ends the run and drops the requests in flight.

    When the run has to end early, every answer that was paid for is yielded first, now or in an
    earlier run, then the error is raised: whoever catches it has all there is.

    Args:
        annotator: who is asked; any object with ``annotate``.
        questions: each (id, vote) at most once.
        store: where answers are kept and found; None to keep none.
        budget: hard limits, and the prices of tokens.
        total: number of questions, where known, for projections.
        progress: called a few times a second, from the thread that takes the answers.
        seed: of the jitter in waiting times; does not change any answer.

    Raises:
        BudgetError: a limit was reached before all questions were asked.
        ServiceError: the service cannot be used, fails all the time, or answers nothing usable.
        UnansweredError: all questions were asked, and some got no answer (each has its ``error``).
        DataError: the store cannot be written, or the annotator answers what was not asked.
    """
    account = Account(budget or Budget())
    meter = Meter(account, total, progress)
    front, source = _Front(annotator, store), iter(questions)
    if isinstance(annotator, ConcurrentAnnotator):
        answers = _ask_concurrently(annotator, source, front, account, meter, seed)
    else:
        answers = _ask_in_turn(annotator, source, front, account, meter)
    failed, last_error = 0, ""
    try:
        for answer in answers:
            meter.count(answer)
            if answer.answer is None:
                failed, last_error = failed + 1, answer.error or "no reason given"
            yield answer
    except ServiceError:
        for answer in front.stored(source):
            meter.count(answer)
            yield answer
        raise
    finally:
        answers.close()
        meter.tick(is_last=True)
    if failed:
        raise UnansweredError(
            f"{failed} questions got no answer; the last one: {last_error}",
            "run again: only those without an answer will be asked",
        )


def stored_answers(
    annotator: Annotator, questions: Iterable[Question], store: AnswerStore
) -> Iterator[Answer]:
    """Yield the answers that the store has to these questions, and ask nobody."""
    return _Front(annotator, store).stored(iter(questions))


class _Front:
    """Sorts questions into those that have an answer and those that are to be asked."""

    def __init__(self, annotator: Annotator, store: AnswerStore | None) -> None:
        self.identity = identity_of(annotator)
        self.store = store if self.identity.reusable else None
        self._key = key_maker(self.identity)
        self.waiting: dict[bytes, list[Question]] = {}

    def sort(self, questions: list[Question]) -> tuple[list[Answer], list[tuple[bytes, Question]]]:
        """Return the answers at hand, and the questions to ask with their keys.

        What is to be asked waits in ``waiting`` until ``take_out``; a question identical to one
        that waits joins it there.
        """
        keys = [self._key(question) for question in questions]
        stored = self.store.find(keys) if self.store is not None else {}
        answers: list[Answer] = []
        new: list[tuple[bytes, Question]] = []
        for key, question in zip(keys, questions, strict=True):
            row = stored.get(key)
            if row is not None:
                answers.append(restore(row, question, self.identity))
            elif key in self.waiting:
                self.waiting[key].append(question)
            else:
                self.waiting[key] = [question]
                new.append((key, question))
        return answers, new

    def stored(self, source: Iterator[Question]) -> Iterator[Answer]:
        """Yield the stored answers to the questions of an iterator; leave out the others."""
        if self.store is None or not self.store.totals().answers:
            return
        is_exhausted = False
        while not is_exhausted:
            some, is_exhausted = _take(source, _TAKE_AT_ONCE)
            keys = [self._key(question) for question in some]
            found = self.store.find(keys)
            for key, question in zip(keys, some, strict=True):
                if key in found:
                    yield restore(found[key], question, self.identity)

    def take_out(self, key: bytes, answer: Answer | None) -> list[Answer]:
        """Return the answer, once for each question that waits for it; none if there is none."""
        _, *others = self.waiting.pop(key)
        if answer is None:
            return []
        shared = [replace(answer, id=q.id, vote=q.vote, reused=True) for q in others]
        return [answer, *shared]


def _ask_concurrently(
    annotator: ConcurrentAnnotator,
    source: Iterator[Question],
    front: _Front,
    account: Account,
    meter: Meter,
    seed: int,
) -> Generator[Answer]:
    is_exhausted = False
    window = 4 * annotator.concurrency
    with ConcurrentAsking(annotator, account, front.store, seed) as asking:
        while True:
            has_room = len(front.waiting) < window and asking.failure is None
            if has_room and not is_exhausted:
                some, is_exhausted = _take(source, _TAKE_AT_ONCE)
                stored, new = front.sort(some)
                asking.submit(new)
                yield from stored
                is_busy = len(front.waiting) < window and not is_exhausted
                outcomes = asking.collect(0.0 if is_busy else _WAIT_S)
            elif front.waiting and asking.is_running:
                outcomes = asking.collect(_WAIT_S)
            else:
                outcomes = asking.collect(0.0)
                if not outcomes:
                    break
            for key, answer in outcomes:
                yield from front.take_out(key, answer)
            meter.tick()
    if asking.failure is not None:
        raise asking.failure


def _ask_in_turn(
    annotator: Annotator,
    source: Iterator[Question],
    front: _Front,
    account: Account,
    meter: Meter,
) -> Generator[Answer]:
    is_exhausted = False
    turn = _InTurn(front, account)
    while not is_exhausted and turn.failure is None:
        some, is_exhausted = _take(source, _TAKE_AT_ONCE)
        stored, new = front.sort(some)
        yield from stored
        if not new:
            meter.tick()
            continue
        answers = iter(annotator.annotate(turn.permitted(new)))
        try:
            for answer in answers:
                yield from turn.accept(answer)
        except NoisefixError as error:
            turn.failure = error
        finally:
            close = getattr(answers, "close", None)
            if close is not None:
                close()
        if not turn.took_all and turn.failure is None:
            return  # the annotator stopped by itself: a person who quits, say
    if turn.failure is not None:
        raise turn.failure


class _InTurn:
    """Hands questions to an annotator that works in turn, and takes its answers."""

    def __init__(self, front: _Front, account: Account) -> None:
        self.failure: NoisefixError | None = None
        self.took_all = True
        self._front = front
        self._account = account
        self._give_up = GiveUp()
        self._asked: dict[tuple[str, int], tuple[bytes, Question, Estimate]] = {}
        self._synced_at = time.monotonic()

    def permitted(self, questions: list[tuple[bytes, Question]]) -> Iterator[Question]:
        """Yield the questions, as long as the budget allows."""
        self.took_all = False
        for key, question in questions:
            if self.failure is not None:
                return
            estimate = self._account.try_start(question)
            if estimate is None:
                self.failure = self._account.reached()
                return
            self._asked[question.id, question.vote] = key, question, estimate
            yield question
        self.took_all = True

    def accept(self, answer: Answer) -> list[Answer]:
        """Book and store an answer; return it once for each question that waits for it."""
        asked = self._asked.pop((answer.id, answer.vote), None)
        if asked is None:
            raise DataError(
                f"annotator {self._front.identity.annotator!r} answered id {answer.id!r}"
                f" (vote {answer.vote}), which it was not asked, or not any more",
                "an annotator yields exactly one answer for each question, with its id and vote",
            )
        key, question, estimate = asked
        usage = Usage(answer.input_tokens or 0, answer.output_tokens or 0)
        self._account.settle(question, estimate, usage, paid=answer.answer is not None)
        answer = self._completed(answer, key, question)
        store = self._front.store
        if store is not None and answer.answer is not None:
            store.put(key, answer)
            if time.monotonic() - self._synced_at > _SYNC_EVERY_S:
                store.sync()
                self._synced_at = time.monotonic()
        self.failure = self.failure or self._give_up.judge(answer)
        return self._front.take_out(key, answer)

    def _completed(self, answer: Answer, key: bytes, question: Question) -> Answer:
        """Fill in what any annotator may leave out, and hold it to the pool."""
        identity, prices = self._front.identity, self._account.budget.prices
        rejected = question.rejected_by(answer.answer, is_label=answer.is_label)
        text, is_label = question.held_to(answer.answer, is_label=answer.is_label)
        cost = answer.cost_usd
        if cost is None:
            cost = Usage(answer.input_tokens, answer.output_tokens).cost_usd(prices)
        error = answer.error if text is not None else answer.error or "the annotator gave no answer"
        return replace(
            answer,
            answer=text,
            is_label=is_label,
            raw_answer=question.kept(answer.raw_answer),
            annotator=answer.annotator or identity.annotator,
            model=answer.model or identity.model,
            prompt_sha256=key.hex(),
            cost_usd=cost,
            error=error,
            rejected=rejected,
        )


def _take(source: Iterator[Question], most: int) -> tuple[list[Question], bool]:
    """Take some questions, for a short time at most; also return whether there are no more."""
    taken: list[Question] = []
    until = time.monotonic() + _TAKE_FOR_S
    for question in itertools.islice(source, most):
        taken.append(question)
        if time.monotonic() > until:
            return taken, False
    return taken, len(taken) < most
