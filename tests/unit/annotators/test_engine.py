"""Asking annotators of this process: nothing twice, nothing beyond the budget, nothing lost."""

import tracemalloc
from dataclasses import replace

import pytest

from noisefix.annotators.budget import Budget, BudgetError, Prices
from noisefix.annotators.engine import UnansweredError, ask, stored_answers
from noisefix.annotators.protocol import Answer, Identity
from noisefix.errors import DataError, ServiceError

IDENTITY = Identity("scripted", "v1")


def pos(question):
    return Answer(question.id, "pos", True, vote=question.vote)


def collected(answers):
    """Return what came before an error, and the error."""
    got = []
    try:
        for answer in answers:
            got.append(answer)
    except (ServiceError, DataError) as error:
        return got, error
    return got, None


def test_every_question_gets_its_answer(scripted, make_questions, store):
    questions = make_questions(600)
    answers = list(ask(scripted(pos, IDENTITY), questions, store=store))
    assert [answer.id for answer in answers] == [question.id for question in questions]
    assert all(answer.label == "pos" and not answer.reused for answer in answers)
    assert {answer.annotator for answer in answers} == {"scripted"}
    assert len({answer.prompt_sha256 for answer in answers}) == 600


def test_a_rerun_asks_only_what_is_new(scripted, make_questions, store):
    list(ask(scripted(pos, IDENTITY), make_questions(300), store=store))
    again = scripted(pos, IDENTITY)
    answers = list(ask(again, make_questions(301), store=store))
    assert again.asked == ["id-300"]
    assert len(answers) == 301
    assert sum(answer.reused for answer in answers) == 300


def test_another_model_is_asked_anew(scripted, make_questions, store):
    list(ask(scripted(pos, IDENTITY), make_questions(3), store=store))
    other = scripted(pos, Identity("scripted", "v2"))
    list(ask(other, make_questions(3), store=store))
    assert len(other.asked) == 3


def test_an_object_with_nothing_but_annotate_will_do(make_questions, store):
    class Minimal:
        def annotate(self, questions):
            return iter([Answer(question.id, "neg") for question in questions])

    answers = list(ask(Minimal(), make_questions(5), store=store))
    assert [answer.label for answer in answers] == ["neg"] * 5
    assert {answer.annotator for answer in answers} == {"Minimal"}
    assert all(answer.reused for answer in ask(Minimal(), make_questions(5), store=store))


def test_answers_that_must_not_be_stored_are_not(scripted, make_questions, store):
    column = scripted(pos, replace(IDENTITY, reusable=False))
    list(ask(column, make_questions(5), store=store))
    list(ask(column, make_questions(5), store=store))
    assert len(column.asked) == 10
    assert store.totals().answers == 0


def test_identical_questions_are_asked_once(scripted, make_questions, store):
    first, second = make_questions(2)
    questions = [first, replace(first, id="twin"), second, replace(first, id="triplet")]
    annotator = scripted(pos, IDENTITY)
    answers = list(ask(annotator, questions, store=store))
    assert annotator.asked == ["id-0", "id-1"]
    assert {a.id: a.reused for a in answers} == {
        "id-0": False,
        "twin": True,
        "id-1": False,
        "triplet": True,
    }


def test_budget_stops_and_the_next_run_goes_on(scripted, make_questions, store):
    budget = Budget(max_requests=10)
    got, error = collected(
        ask(scripted(pos, IDENTITY), make_questions(25), store=store, budget=budget)
    )
    assert len(got) == 10
    assert isinstance(error, BudgetError)
    assert error.exit_code == 5
    assert "run again" in error.hint
    second = scripted(pos, IDENTITY)
    got, error = collected(ask(second, make_questions(25), store=store, budget=budget))
    assert second.asked == [f"id-{n}" for n in range(10, 20)]
    assert len(got) == 20
    got, error = collected(
        ask(scripted(pos, IDENTITY), make_questions(25), store=store, budget=budget)
    )
    assert error is None
    assert len(got) == 25


def test_a_reached_budget_still_gives_what_was_paid_before(scripted, make_questions, store):
    paid = make_questions(5, start=1000)
    list(ask(scripted(pos, IDENTITY), paid, store=store))
    questions = [*make_questions(400), *paid]
    got, error = collected(
        ask(scripted(pos, IDENTITY), questions, store=store, budget=Budget(max_requests=2))
    )
    assert isinstance(error, BudgetError)
    assert [answer.id for answer in got] == ["id-0", "id-1", *(q.id for q in paid)]


def test_an_annotator_that_reads_ahead_loses_nothing_at_the_limit(make_questions, store):
    class Batches:
        identity = IDENTITY

        def annotate(self, questions):
            batch = list(questions)
            yield from (pos(question) for question in reversed(batch))

    got, error = collected(
        ask(Batches(), make_questions(25), store=store, budget=Budget(max_requests=10))
    )
    assert isinstance(error, BudgetError)
    assert len(got) == store.totals().answers == 10


def test_costs_come_from_the_tokens(scripted, make_questions):
    def answer(question):
        return replace(pos(question), input_tokens=1000, output_tokens=100)

    budget = Budget(prices=Prices(2.0, 10.0))
    (got,) = ask(scripted(answer, IDENTITY), make_questions(1), budget=budget)
    assert got.cost_usd == pytest.approx(0.003)


@pytest.mark.parametrize(
    ("said", "is_label", "pool", "expected", "is_label_then"),
    [
        ("pos", False, ("pos", "neg"), "pos", True),  # the flag may be left out
        ("maybe", True, ("pos", "neg"), "invalid", False),
        ("maybe", False, ("pos", "neg"), "invalid", False),
        ("none", False, ("pos", "neg"), "none", False),
        ("none", True, ("none", "neg"), "none", True),  # a class of that name
        ("none", False, ("none", "neg"), "none", False),
        ("refused", False, ("pos", "neg"), "refused", False),
    ],
)
def test_no_answer_outside_the_pool_becomes_a_label(
    scripted, make_questions, said, is_label, pool, expected, is_label_then
):
    annotator = scripted(lambda q: Answer(q.id, said, is_label), IDENTITY)
    (got,) = ask(annotator, make_questions(1, pool=pool))
    assert (got.answer, got.is_label) == (expected, is_label_then)


def test_failures_are_not_stored_and_are_asked_again(scripted, make_questions, store):
    def flaky(question):
        return (
            Answer(question.id, None, error="no idea") if question.id == "id-1" else pos(question)
        )

    got, error = collected(ask(scripted(flaky, IDENTITY), make_questions(3), store=store))
    assert isinstance(error, UnansweredError)
    assert "1 questions got no answer; the last one: no idea" in error.message
    assert [answer.answer for answer in got] == ["pos", None, "pos"]
    again = scripted(pos, IDENTITY)
    assert len(list(ask(again, make_questions(3), store=store))) == 3
    assert again.asked == ["id-1"]


def test_five_failures_in_a_row_end_the_run(scripted, make_questions):
    annotator = scripted(lambda q: Answer(q.id, None, error="broken"), IDENTITY)
    got, error = collected(ask(annotator, make_questions(100)))
    assert len(annotator.asked) == len(got) == 5
    assert "5 questions in a row got no answer" in error.message


def test_twenty_useless_answers_in_a_row_end_the_run(scripted, make_questions, store):
    annotator = scripted(lambda q: Answer(q.id, "banana", True), IDENTITY)
    got, error = collected(ask(annotator, make_questions(100), store=store))
    assert len(got) == store.totals().answers == 20
    assert {answer.answer for answer in got} == {"invalid"}
    assert isinstance(error, ServiceError)


def test_a_person_who_quits_ends_the_run_without_an_error(make_questions, store):
    class Person:
        identity = IDENTITY

        def annotate(self, questions):
            for n, question in enumerate(questions):
                if n == 3:
                    return
                yield pos(question)

    got, error = collected(ask(Person(), make_questions(1000), store=store))
    assert error is None
    assert len(got) == 3


def test_an_answer_to_no_question_is_the_annotators_fault(scripted, make_questions):
    annotator = scripted(lambda q: Answer("another", "pos"), IDENTITY)
    with pytest.raises(DataError, match="which it was not asked"):
        list(ask(annotator, make_questions(1)))


def test_an_error_of_the_annotator_keeps_what_was_answered(scripted, make_questions, store):
    def until_three(question):
        if question.id == "id-3":
            raise ServiceError("gone", "come back")
        return pos(question)

    got, error = collected(ask(scripted(until_three, IDENTITY), make_questions(9), store=store))
    assert error.message == "gone"
    assert len(got) == store.totals().answers == 3


def test_closing_stops_the_annotator(make_questions, store):
    closed = []

    class Watched:
        identity = IDENTITY

        def annotate(self, questions):
            try:
                for question in questions:
                    yield pos(question)
            finally:
                closed.append(True)

    answers = ask(Watched(), make_questions(100), store=store)
    next(answers)
    answers.close()
    assert closed == [True]
    assert store.totals().answers == 1


@pytest.mark.slow
def test_memory_does_not_grow_with_the_questions(scripted, make_questions):
    def endless(n):
        for start in range(n):
            yield make_questions(1, start=start)[0]

    class Forgetful:
        identity = IDENTITY

        def annotate(self, questions):
            for question in questions:
                yield pos(question)

    peaks = []
    for n in (2_000, 12_000):
        tracemalloc.start()
        assert sum(1 for _ in ask(Forgetful(), endless(n))) == n
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


def test_progress_adds_up(scripted, make_questions, store):
    list(ask(scripted(pos, IDENTITY), make_questions(4), store=store))
    seen = []
    list(
        ask(
            scripted(pos, IDENTITY),
            make_questions(10),
            store=store,
            total=10,
            progress=seen.append,
        )
    )
    last = seen[-1]
    assert (last.done, last.answered, last.reused, last.failed) == (10, 6, 4, 0)
    assert (last.total, last.in_flight, last.remaining_s) == (10, 0, 0.0)


def test_stored_answers_asks_nobody(scripted, make_questions, store):
    annotator = scripted(pos, IDENTITY)
    list(ask(annotator, make_questions(3), store=store))
    found = list(stored_answers(annotator, make_questions(5, start=1), store))
    assert [answer.id for answer in found] == ["id-1", "id-2"]
    assert len(annotator.asked) == 3
