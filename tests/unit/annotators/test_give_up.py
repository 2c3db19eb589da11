"""Giving up a service, and not giving it up too early."""

from noisefix.annotators.give_up import (
    FAILURES_IN_A_ROW,
    USELESS_IN_A_ROW,
    GiveUp,
    NothingUsableError,
)
from noisefix.annotators.protocol import CUT_MARK, Answer

FAILED = Answer("a", None, error="broken pipe")
INVALID = Answer("a", "invalid")
REFUSED = Answer("a", "refused")
GOOD = Answer("a", "pos", True)
NONE = Answer("a", "none")


def judged(answers):
    give_up = GiveUp()
    return [error for answer in answers if (error := give_up.judge(answer, "a hint"))]


def test_failures_in_a_row():
    assert judged([FAILED] * (FAILURES_IN_A_ROW - 1)) == []
    (error,) = judged([FAILED] * FAILURES_IN_A_ROW)
    assert "broken pipe" in error.message
    assert error.hint == "a hint"


def test_any_answer_between_them_ends_the_row():
    few = [FAILED] * (FAILURES_IN_A_ROW - 1)
    assert judged([*few, INVALID, *few, GOOD, *few]) == []


def test_useless_answers_in_a_row():
    mixed = [INVALID, REFUSED] * USELESS_IN_A_ROW
    assert judged(mixed[: USELESS_IN_A_ROW - 1]) == []
    assert "refusals" in judged(mixed[:USELESS_IN_A_ROW])[0].message


def test_a_useful_answer_between_them_ends_the_row():
    many = [INVALID] * (USELESS_IN_A_ROW - 1)
    assert judged([*many, GOOD, *many, NONE, *many]) == []


def test_a_class_of_that_name_is_a_useful_answer():
    assert judged([Answer("a", "invalid", True)] * 100) == []


def test_the_error_shows_what_came_and_says_what_to_do():
    cut = Answer("a", "invalid", raw_answer="<think>\nwell" + CUT_MARK)
    (error,) = judged([cut] * USELESS_IN_A_ROW)
    assert isinstance(error, NothingUsableError)
    assert "'<think> well'" in error.message
    assert "--max-output-tokens" in error.hint
    (error,) = judged([Answer("a", "refused", raw_answer="no")] * USELESS_IN_A_ROW)
    assert "another model" in error.hint
    (error,) = judged([Answer("a", "invalid", raw_answer="x" * 500)] * USELESS_IN_A_ROW)
    assert len(error.message) < 400
