"""Several votes a row."""

import pytest

from noisefix.annotators.protocol import Answer
from noisefix.annotators.votes import combined, majority
from noisefix.errors import ServiceError


def vote(number, answer, confidence=None, **fields):
    fields.setdefault("is_label", answer not in (None, "none", "refused", "invalid", "ambiguous"))
    return Answer("a", answer, confidence=confidence, vote=number, **fields)


def test_the_majority_wins_and_disagreement_lowers_the_confidence():
    won = combined([vote(0, "pos"), vote(1, "neg"), vote(2, "pos")])
    assert (won.answer, won.is_label, won.vote) == ("pos", True, 0)
    assert won.confidence == pytest.approx(2 / 3)
    assert combined([vote(0, "pos"), vote(1, "pos")]).confidence == 1.0


def test_confidences_of_the_other_side_count_as_nothing():
    won = combined([vote(0, "pos", 0.9), vote(1, "neg", 0.99), vote(2, "pos", 0.6)])
    assert won.confidence == pytest.approx((0.9 + 0.6) / 3)


def test_a_tie_goes_to_the_more_confident_then_to_the_first():
    assert combined([vote(0, "pos", 0.6), vote(1, "neg", 0.7)]).answer == "neg"
    assert combined([vote(1, "neg", 0.7), vote(0, "pos", 0.7)]).answer == "pos"


def test_a_label_called_none_is_not_the_answer_none():
    votes = [vote(0, "none"), vote(1, "none", is_label=True), vote(2, "none", is_label=True)]
    assert combined(votes).is_label


def test_refusals_can_win_but_are_no_label():
    won = combined([vote(0, "refused"), vote(1, "refused"), vote(2, "pos")])
    assert (won.answer, won.label) == ("refused", None)


def test_tokens_costs_and_attempts_add_up():
    won = combined(
        [
            vote(
                0, "pos", input_tokens=10, output_tokens=1, cost_usd=0.1, attempts=2, latency_s=1.0
            ),
            vote(1, "pos", input_tokens=20, attempts=1, latency_s=3.0, reused=True),
        ]
    )
    assert (won.input_tokens, won.output_tokens, won.cost_usd) == (30, 1, 0.1)
    assert (won.attempts, won.latency_s, won.reused) == (3, 3.0, False)


def test_probabilities_are_averaged():
    won = combined(
        [
            vote(0, "pos", 0.8, probabilities={"pos": 0.8, "neg": 0.2}),
            vote(1, "pos", 0.6, probabilities={"neg": 0.4, "pos": 0.6}),
        ]
    )
    assert won.probabilities == pytest.approx({"pos": 0.7, "neg": 0.3})


def test_failed_votes_do_not_vote():
    won = combined([vote(0, None, error="broken"), vote(1, "pos")])
    assert (won.answer, won.confidence, won.error) == ("pos", 1.0, None)
    lost = combined([vote(0, None, error="broken", attempts=4), vote(1, None, error="broken too")])
    assert (lost.answer, lost.error, lost.attempts) == (None, "broken", 5)


def test_rows_are_put_together_whatever_the_order():
    answers = [
        Answer("a", "pos", True, vote=1),
        Answer("b", "neg", True, vote=0),
        Answer("b", "neg", True, vote=1),
        Answer("a", "neg", True, vote=0, confidence=0.2),
    ]
    assert [(a.id, a.answer) for a in majority(answers, 2)] == [("b", "neg"), ("a", "pos")]


def test_an_error_comes_after_what_is_there():
    def broken():
        yield Answer("a", "pos", True, vote=0)
        yield Answer("b", "pos", True, vote=0)
        yield Answer("b", "pos", True, vote=1)
        raise ServiceError("gone")

    answers = majority(broken(), 2)
    assert [next(answers).id, next(answers).id] == ["b", "a"]
    with pytest.raises(ServiceError, match="gone"):
        next(answers)
