import numpy as np
import pytest

from noisefix.confident.thresholds import (
    LOWEST_THRESHOLD,
    NEVER_CONFIDENT,
    check_thresholds,
    class_thresholds,
    cutoffs,
)
from noisefix.errors import DataError


def test_mean_probability_of_each_given_class():
    probs = np.array([[0.5, 0.5], [0.75, 0.25], [0.25, 0.75]])
    np.testing.assert_array_equal(class_thresholds(np.array([0, 0, 1]), probs), [0.625, 0.75])


def test_unlabelled_rows_are_not_counted():
    probs = np.array([[0.5, 0.5], [1.0, 0.0], [0.25, 0.75]])
    np.testing.assert_array_equal(class_thresholds(np.array([0, -1, 1]), probs), [0.5, 0.75])


def test_a_class_without_rows_is_never_confident():
    thresholds = class_thresholds(np.array([0, 0]), np.array([[0.5, 0.5], [0.5, 0.5]]))
    assert thresholds[1] == NEVER_CONFIDENT > 1


def test_thresholds_are_never_so_low_that_zero_is_confident():
    probs = np.array([[1.0, 0.0], [1.0, 0.0]])
    assert class_thresholds(np.array([0, 1]), probs)[1] == LOWEST_THRESHOLD


def test_the_order_of_the_rows_cannot_change_a_bit():
    rng = np.random.default_rng(3)
    probs = rng.dirichlet(np.ones(3), 5_000)
    given = rng.integers(0, 3, 5_000)
    expected = class_thresholds(given, probs)
    for _ in range(5):
        order = rng.permutation(5_000)
        np.testing.assert_array_equal(class_thresholds(given[order], probs[order]), expected)
    naive = [probs[given == k, k].mean() for k in range(3)]
    np.testing.assert_allclose(expected, naive, rtol=1e-13)


def test_a_cutoff_is_the_smallest_number_that_counts():
    thresholds = np.random.default_rng(0).random(1_000) + 1e-5
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        cut = cutoffs(thresholds, dtype)
        assert cut.dtype == dtype
        assert (cut.astype(np.float64) >= thresholds - 1e-6).all()
        below = np.nextafter(cut, dtype.type(0))
        assert (below.astype(np.float64) < thresholds - 1e-6).all()


@pytest.mark.parametrize("bad", [[0.5], [0.5, np.nan], [0.5, 0.5, 0.5]])
def test_own_thresholds_must_be_one_finite_number_a_class(bad):
    with pytest.raises(DataError):
        check_thresholds(np.array(bad), 2)
