"""Many questions at once of an annotator in this process: limits, ends and failures."""

import asyncio
import threading
from contextlib import asynccontextmanager

import pytest

from noisefix.annotators.budget import Budget, BudgetError, Usage
from noisefix.annotators.engine import UnansweredError, ask
from noisefix.annotators.exchange import ConcurrentAnnotator, Reply
from noisefix.annotators.protocol import Identity
from noisefix.annotators.retry import LostError, RejectedError, RetryableError
from noisefix.errors import DataError, ServiceError


class Concurrent:
    """Answers with ``respond(question, attempt)``, after a short while."""

    identity = Identity("concurrent", "v1")

    def __init__(self, respond, policy, concurrency=8, delay_s=0.002):
        self.respond, self.policy = respond, policy
        self.concurrency, self.delay_s = concurrency, delay_s
        self.in_flight = self.most_in_flight = self.asked = 0

    def annotate(self, questions):
        return ask(self, questions)

    @asynccontextmanager
    async def session(self):
        yield self

    def exchange(self, question):
        return _Exchange(self, question)


class _Exchange:
    def __init__(self, owner, question):
        self.owner, self.question = owner, question
        self.usage, self.attempts = Usage(), 0

    async def send(self):
        owner = self.owner
        owner.in_flight += 1
        owner.asked += 1
        owner.most_in_flight = max(owner.most_in_flight, owner.in_flight)
        try:
            await asyncio.sleep(owner.delay_s)
            self.attempts += 1
            answer = owner.respond(self.question, self.attempts)
            self.usage += Usage(90, 10)
            return Reply(answer, is_label=answer in self.question.label_pool)
        finally:
            owner.in_flight -= 1

    def fallback(self):
        return None


def pos(question, attempt):
    return "pos"


def collected(answers):
    got = []
    try:
        for answer in answers:
            got.append(answer)
    except (ServiceError, DataError) as error:
        return got, error
    return got, None


def test_it_is_a_concurrent_annotator(quick_policy):
    assert isinstance(Concurrent(pos, quick_policy), ConcurrentAnnotator)


def test_all_places_are_used_and_each_question_is_asked_once(quick_policy, make_questions, store):
    annotator = Concurrent(pos, quick_policy)
    got, error = collected(ask(annotator, make_questions(500), store=store))
    assert error is None
    assert {answer.id for answer in got} == {f"id-{row}" for row in range(500)}
    assert (len(got), annotator.asked, store.totals().answers) == (500, 500, 500)
    assert annotator.most_in_flight == 8


def test_a_tight_budget_waits_for_what_is_in_flight(quick_policy, make_questions, store):
    """Two or three questions fit in at a time; as many as fit in all are asked all the same."""
    annotator = Concurrent(pos, quick_policy)
    budget = Budget(max_tokens_total=1000)
    got, error = collected(ask(annotator, make_questions(100), store=store, budget=budget))
    assert isinstance(error, BudgetError)
    assert 9 <= len(got) <= 10
    assert annotator.asked == len(got) == store.totals().answers


def test_a_session_that_cannot_open(quick_policy, make_questions):
    class Closed(Concurrent):
        @asynccontextmanager
        async def session(self):
            raise ServiceError("the door is locked")
            yield

    with pytest.raises(ServiceError, match="the door is locked"):
        list(ask(Closed(pos, quick_policy), make_questions(10)))


def test_a_bug_is_raised_and_what_was_in_flight_is_kept(quick_policy, make_questions, store):
    def respond(question, attempt):
        if question.id == "id-7":
            raise ZeroDivisionError("a bug")
        return "pos"

    with pytest.raises(ZeroDivisionError, match="a bug"):
        list(ask(Concurrent(respond, quick_policy), make_questions(1000), store=store))
    assert 7 <= store.totals().answers < 100


def test_a_full_disk_ends_the_run(quick_policy, make_questions, store):
    pages = store._writer.execute("PRAGMA page_count").fetchone()[0]
    store._writer.execute(f"PRAGMA max_page_count={pages + 3}")
    annotator = Concurrent(pos, quick_policy)
    got, error = collected(ask(annotator, make_questions(1000), store=store))
    assert isinstance(error, DataError)
    assert len(got) == store.totals().answers
    assert annotator.asked <= len(got) + 2 * annotator.concurrency


def test_a_rejected_question_does_not_stop_the_others(quick_policy, make_questions, store):
    def respond(question, attempt):
        if question.id in ("id-3", "id-30"):
            raise RejectedError("too long")
        return "neg"

    got, error = collected(ask(Concurrent(respond, quick_policy), make_questions(60), store=store))
    assert isinstance(error, UnansweredError)
    assert "2 questions got no answer; the last one: too long" in error.message
    assert {answer.id for answer in got if answer.answer is None} == {"id-3", "id-30"}
    assert len(got) == 60


def test_attempts_are_counted(quick_policy, make_questions):
    def respond(question, attempt):
        if attempt < 3:
            raise RetryableError("not yet")
        return "pos"

    (answer,) = ask(Concurrent(respond, quick_policy), make_questions(1))
    assert (answer.attempts, answer.label) == (3, "pos")


def test_the_hint_of_what_fails_reaches_the_user(quick_policy, make_questions):
    def respond(question, attempt):
        raise RetryableError("it hurts", "see a doctor")

    got, error = collected(ask(Concurrent(respond, quick_policy), make_questions(50)))
    assert (
        "5 questions in a row got no answer; the last one: it hurts (4 attempts)" in error.message
    )
    assert error.hint == "see a doctor"
    assert all(answer.error == "it hurts (4 attempts)" for answer in got)


def test_an_error_in_the_questions_ends_the_thread(quick_policy, make_questions, store):
    def broken():
        yield from make_questions(10)
        raise KeyError("no such row")

    before = threading.active_count()
    with pytest.raises(KeyError, match="no such row"):
        list(ask(Concurrent(pos, quick_policy), broken(), store=store))
    assert threading.active_count() == before


def test_questions_are_taken_only_as_fast_as_they_are_asked(quick_policy, make_questions):
    taken = []

    def watched():
        for question in make_questions(5000):
            taken.append(question.id)
            yield question

    answers = ask(Concurrent(pos, quick_policy, concurrency=4), watched())
    for _ in range(3):
        next(answers)
    assert len(taken) <= 4 * 4 + 2 * 256
    answers.close()


def test_a_lost_request_is_sent_again_and_counts_as_spent(quick_policy, make_questions, store):
    lost = {"id-3", "id-7"}

    def respond(question, attempt):
        if question.id in lost and attempt == 1:
            raise LostError("the worker was lost")
        return "pos"

    annotator = Concurrent(respond, quick_policy)
    got, error = collected(ask(annotator, make_questions(20), store=store))
    assert error is None
    assert (len(got), annotator.asked, store.totals().answers) == (20, 22, 20)
    tokens = {answer.id: answer.input_tokens + answer.output_tokens for answer in got}
    assert {row for row, n in tokens.items() if n > 100} == lost
    assert {n for row, n in tokens.items() if row not in lost} == {100}
    assert min(tokens[row] for row in lost) >= 150, "what may have been billed is in the books"


@pytest.mark.parametrize("limit", [450, 1000, 1550])
def test_lost_requests_never_lead_beyond_the_limit(limit, quick_policy, make_questions, store):
    """Every second request is lost, and the server bills all of them: 100 tokens each."""
    n_sent = 0

    def respond(question, attempt):
        nonlocal n_sent
        n_sent += 1
        if n_sent % 2 == 0:
            raise LostError("the worker was lost")
        return "pos"

    annotator = Concurrent(respond, quick_policy)
    budget = Budget(max_tokens_total=limit)
    got, error = collected(ask(annotator, make_questions(100), store=store, budget=budget))
    assert isinstance(error, BudgetError)
    assert limit - 100 * annotator.concurrency < 100 * n_sent <= limit
    assert store.totals().answers == len(got) > 0
