"""Counting failures, and the answer that comes of it."""

import pytest

from noisefix.annotators.budget import Prices, Usage
from noisefix.annotators.exchange import Attempts, Reply
from noisefix.annotators.protocol import Identity
from noisefix.annotators.retry import RetryableError, RetryPolicy

POLICY = RetryPolicy(max_attempts=3)


def failures_until_hopeless(problem, replies_between):
    attempts, n_replies = Attempts(0), 0
    for n in range(1, 100):
        n_replies += replies_between
        if attempts.is_hopeless(problem, n_replies, POLICY, now=1000.0 * n):
            assert attempts.is_over
            assert attempts.error == f"{problem.message} ({n} attempts)"
            assert attempts.hint == problem.hint
            return n
    raise AssertionError("never")


@pytest.mark.parametrize(
    ("is_429", "replies_between", "expected"),
    [(False, 0, 3), (False, 1, 3), (True, 0, 3), (True, 1, 15)],
)
def test_a_429_counts_only_when_nobody_gets_through(is_429, replies_between, expected):
    problem = RetryableError("busy", "wait", slow_down=is_429)
    assert failures_until_hopeless(problem, replies_between) == expected


def test_429s_alone_are_waited_out_for_more_than_a_window():
    attempts = Attempts(0)
    problem = RetryableError("busy", slow_down=True)
    at = [0.0, 10.0, 30.0, 60.0, 74.0, 76.0]
    given_up = [attempts.is_hopeless(problem, 0, POLICY, now) for now in at]
    assert given_up == [False] * 5 + [True]


def test_the_answer_of_a_reply(make_questions):
    (question,) = make_questions(1, vote=2)
    attempts = Attempts(0)
    attempts.reply = Reply("pos", True, 0.9, {"pos": 0.9, "neg": 0.1}, "raw")
    attempts.requests, attempts.latency_s = 3, 0.5
    usage, prices = Usage(1_000, 100), Prices(1.0, 10.0)
    answer = attempts.answer(b"\xab" * 32, question, Identity("a", "m"), usage, prices)
    assert (answer.id, answer.vote, answer.label, answer.attempts) == ("id-0", 2, "pos", 3)
    assert (answer.annotator, answer.model, answer.prompt_sha256) == ("a", "m", "ab" * 32)
    assert answer.cost_usd == pytest.approx(0.002)
    assert answer.error is None


def test_the_answer_that_did_not_come(make_questions):
    (question,) = make_questions(1)
    attempts = Attempts(0)
    attempts.error = "gone"
    answer = attempts.answer(b"", question, Identity("a"), Usage(), None)
    assert (answer.answer, answer.label, answer.error, answer.cost_usd) == (
        None,
        None,
        "gone",
        None,
    )
