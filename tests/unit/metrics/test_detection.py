import math

import numpy as np
import pytest

from noisefix.errors import DataError
from noisefix.metrics.detection import (
    area_under_roc,
    average_precision,
    flag_scores,
    precision_at,
)


def bools(text: str) -> np.ndarray:
    return np.array([char == "x" for char in text])


def test_average_precision_of_a_hand_made_ranking():
    # Errors at places 1 and 3 of 4: (1/1 + 2/3) / 2.
    assert average_precision(bools("x.x."), np.array([4.0, 3, 2, 1])) == pytest.approx(5 / 6)


def test_ties_are_one_step_whatever_their_order():
    scores = np.array([1.0, 1, 1, 0])
    assert average_precision(bools("x..."), scores) == pytest.approx(1 / 3)
    assert average_precision(bools("..x."), scores) == pytest.approx(1 / 3)
    assert area_under_roc(bools("x..."), scores) == pytest.approx((0.5 + 0.5 + 1) / 3)


def test_rankings_that_cannot_be_judged_are_nan():
    scores = np.array([0.1, 0.2])
    assert math.isnan(average_precision(bools(".."), scores))
    assert math.isnan(area_under_roc(bools(".."), scores))
    assert math.isnan(area_under_roc(bools("xx"), scores))
    assert average_precision(bools("xx"), scores) == 1.0
    assert math.isnan(average_precision(np.zeros(0, bool), np.zeros(0)))


def test_scores_that_rank_nothing_are_refused():
    with pytest.raises(DataError, match="finite"):
        average_precision(bools("x."), np.array([math.nan, 1]))
    with pytest.raises(DataError, match="one length"):
        area_under_roc(bools("x."), np.array([1.0]))


def test_flag_scores_count_hits():
    scores = flag_scores(bools("xxx.."), bools("x..x."))
    assert (scores.flagged, scores.errors, scores.true_positives) == (2, 3, 1)
    assert (scores.precision, scores.recall) == (0.5, pytest.approx(1 / 3))
    assert scores.f1 == pytest.approx(0.4)


def test_flags_without_a_denominator_are_nan():
    nothing = flag_scores(bools(".."), bools(".."))
    assert math.isnan(nothing.precision)
    assert math.isnan(nothing.recall)
    assert math.isnan(nothing.f1)


def test_precision_at_follows_the_order_given():
    order = np.array([2, 0, 1, 3])
    assert precision_at(bools("..xx"), order, 1) == 1.0
    assert precision_at(bools("..xx"), order, 2) == 0.5
    assert precision_at(bools("..xx"), order, 4) == 0.5
    assert math.isnan(precision_at(bools("..xx"), order, 5))
