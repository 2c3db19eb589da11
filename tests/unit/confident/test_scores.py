import numpy as np
import pytest

from noisefix.confident.scores import (
    SCORES,
    confidence_weighted_entropy,
    normalized_margin,
    self_confidence,
)

PROBS = np.array([[0.75, 0.25, 0.0], [0.25, 0.5, 0.25], [0.5, 0.25, 0.25]])


def test_self_confidence():
    scores = self_confidence(np.array([0, 2, -1]), PROBS)
    np.testing.assert_array_equal(scores, [0.75, 0.25, np.nan])


def test_normalized_margin():
    scores = normalized_margin(np.array([0, 2, -1]), PROBS)
    np.testing.assert_array_equal(scores, [0.75, 0.375, np.nan])


def test_entropy_score_by_its_formula():
    scores = confidence_weighted_entropy(np.array([0, 2, -1]), PROBS)
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25)) / np.log(3)
    ratio = entropy / 0.75
    assert scores[0] == pytest.approx(np.log(1 + ratio) / ratio)
    assert scores[1] < scores[0]
    assert np.isnan(scores[2])


def test_a_certain_row_with_the_right_label_is_the_best_not_the_worst():
    tiny = 10.0 ** -np.arange(1, 15)
    probs = np.c_[1 - tiny, tiny]
    right = confidence_weighted_entropy(np.zeros(14, dtype=int), probs)
    assert (np.diff(right) > 0).all()
    assert right[-1] > 1 - 1e-12
    assert confidence_weighted_entropy(np.array([0]), np.array([[1.0, 0.0]])) == 1


def test_a_certain_row_with_a_wrong_label_gets_worse_with_certainty():
    tiny = np.r_[10.0 ** -np.arange(1, 15), 1e-100, 1e-300]
    wrong = confidence_weighted_entropy(np.ones(16, dtype=int), np.c_[1 - tiny, tiny])
    assert (np.diff(wrong) < 0).all()
    assert confidence_weighted_entropy(np.array([1]), np.array([[1.0, 0.0]])) == 0


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_are_float64_in_the_unit_interval(name, dtype):
    rng = np.random.default_rng(5)
    probs = rng.dirichlet(np.full(6, 0.1), 2_000).astype(dtype)
    scores = SCORES[name](rng.integers(0, 6, 2_000), probs)
    assert scores.dtype == np.float64
    assert scores.min() >= 0
    assert scores.max() <= 1
