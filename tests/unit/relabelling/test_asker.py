"""Asking in several goes: when nothing at all can be used, and what a user should know."""

import pytest

from noisefix.annotators.engine import UnansweredError
from noisefix.annotators.give_up import NothingUsableError
from noisefix.annotators.protocol import CUT_MARK, Answer, Message, Question
from noisefix.annotators.store import AnswerStore
from noisefix.relabelling.asker import Asker
from noisefix.relabelling.options import AskOptions


class Says:
    """Answers each question as it is told to, by the question's id."""

    def __init__(self, **answers):
        self.answers = answers

    def annotate(self, questions):
        for question in questions:
            yield Answer(question.id, **self.answers[question.id])


GOOD = {"answer": "pos", "is_label": True}
BANANA = {"answer": "invalid", "raw_answer": "banana"}
CUT = {"answer": "invalid", "raw_answer": f"<think> well{CUT_MARK}"}
SILENT = {"answer": None, "error": "too long"}


@pytest.fixture
def ask(tmp_path):
    """Return ``ask(goes)``, which asks in goes; it returns the answers, the notes and the error."""

    def run(*goes):
        answers = {f"{n}-{k}": said for n, go in enumerate(goes) for k, said in enumerate(go)}
        seen, got, error = [], [], None
        with AnswerStore(tmp_path / "a.sqlite") as store:
            asker = Asker(Says(**answers), AskOptions(), store, seen.append)
            for n, go in enumerate(goes):
                questions = [
                    Question(f"{n}-{k}", ("pos", "neg"), (Message("user", f"{n} {k}"),))
                    for k in range(len(go))
                ]
                try:
                    got += asker.ask(questions, len(questions))
                except (NothingUsableError, UnansweredError) as caught:
                    error = caught
        assert seen[-1].notes == asker.notes
        return got, asker.notes, error

    return run


def test_nothing_usable_is_an_error_that_shows_what_came(ask):
    _, notes, error = ask([BANANA, BANANA])
    assert isinstance(error, NothingUsableError)
    assert error.exit_code == 5
    assert "none of 2 answers can be used (2 invalid)" in error.message
    assert "'banana'" in error.message
    assert "JSON schemas" in error.hint
    assert notes == ()


def test_answers_cut_off_have_their_own_remedy(ask):
    _, _, error = ask([CUT, CUT])
    assert "(2 cut off)" in error.message
    assert "--max-output-tokens" in error.hint


def test_no_answer_at_all_is_nothing_usable_too(ask):
    _, _, error = ask([SILENT, BANANA])
    assert isinstance(error, NothingUsableError)
    assert "1 invalid, 1 without an answer" in error.message


def test_one_usable_answer_is_enough_and_later_goes_may_have_none(ask):
    got, notes, error = ask([GOOD, GOOD, GOOD], [BANANA, BANANA])
    assert error is None
    assert len(got) == 5
    assert notes == ()


def test_none_and_ambiguous_are_usable(ask):
    _, notes, error = ask([{"answer": "none"}, {"answer": "ambiguous"}])
    assert (notes, error) == ((), None)


def test_some_without_an_answer_stay_what_they_are(ask):
    _, _, error = ask([GOOD, SILENT])
    assert type(error) is UnansweredError


def test_most_of_them_useless_is_said(ask):
    _, (note,), error = ask([GOOD, BANANA, BANANA, BANANA])
    assert error is None
    assert note.startswith("3 of 4 answers cannot be used (the last one is invalid: 'banana')")


def test_each_one_cut_off_is_said(ask):
    _, (note,), error = ask([GOOD, GOOD, CUT])
    assert error is None
    assert note.startswith("1 of 3 answers were cut off")
    assert "--max-output-tokens" in note


def test_the_same_comes_of_stored_answers(ask):
    before = ask([CUT, CUT])
    after = ask([CUT, CUT])
    assert all(answer.reused for answer in after[0])
    assert after[2].message == before[2].message
