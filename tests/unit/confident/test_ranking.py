import numpy as np
import pytest

from noisefix.confident.ranking import lowest, rank, ranked_rows
from noisefix.errors import DataError

SCORES = np.array([0.5, 0.1, np.nan, 0.5, 0.1, 0.0])


def test_ranks_are_stable_and_leave_out_unlabelled_rows():
    ranks = rank(SCORES)
    assert ranks.dtype == np.int64
    np.testing.assert_array_equal(ranks, [4, 2, 0, 5, 3, 1])


def test_ranked_rows_lists_the_most_suspicious_first():
    np.testing.assert_array_equal(ranked_rows(SCORES), [5, 1, 4, 0, 3])
    chosen = np.array([True, False, True, True, True, False])
    np.testing.assert_array_equal(ranked_rows(SCORES, chosen), [4, 0, 3])


def test_ties_can_follow_another_order():
    order = np.array([9, 8, 7, 6, 5, 4])
    np.testing.assert_array_equal(ranked_rows(SCORES, row_order=order), [5, 4, 1, 3, 0])
    np.testing.assert_array_equal(rank(SCORES, order), [5, 3, 0, 4, 2, 1])


def test_many_ties_keep_row_order():
    scores = np.zeros(10_000)
    np.testing.assert_array_equal(rank(scores), np.arange(1, 10_001))


def test_lengths_are_checked():
    with pytest.raises(DataError, match="is_issue has 2 rows"):
        ranked_rows(SCORES, np.array([True, False]))
    with pytest.raises(DataError, match="row_order has 1 rows"):
        rank(SCORES, np.array([1]))


@pytest.mark.parametrize("count", [-3, 0, 1, 2, 3, 4, 5, 6, 7])
def test_lowest_takes_the_first_of_equals(count):
    values = np.array([0.5, 0.1, 0.5, 0.1, 0.0, 0.5])
    expected = np.zeros(6, dtype=bool)
    expected[np.argsort(values, kind="stable")[: max(count, 0)]] = True
    np.testing.assert_array_equal(lowest(values, count), expected)
