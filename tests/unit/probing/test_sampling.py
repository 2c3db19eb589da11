"""A sample of the rows: all where few, else drawn so that no pattern of the file shows."""

import numpy as np
import pytest

from noisefix.probing.sampling import some_rows


def test_few_rows_are_all_taken():
    rows = np.array([3, 5, 9])
    assert some_rows(rows, 3).tolist() == [3, 5, 9]
    assert some_rows(rows[:0], 3).tolist() == []


@pytest.mark.parametrize("period", [2, 3, 5])
def test_a_pattern_that_repeats_is_seen_whole(period):
    rows = np.arange(10_000)
    drawn = some_rows(rows, 10_000 // period)
    assert len(drawn) == 10_000 // period
    assert (np.diff(drawn) > 0).all()
    counts = np.bincount(drawn % period, minlength=period)
    assert counts.min() > 0.8 * counts.max()


def test_the_draw_is_the_same_every_time():
    np.testing.assert_array_equal(some_rows(np.arange(999), 50), some_rows(np.arange(999), 50))
