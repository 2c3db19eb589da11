import math

import numpy as np
import pytest

from noisefix.errors import DataError
from noisefix.metrics.calibration import expected_calibration_error, reliability_table


def test_bins_hold_their_lower_edge_and_the_last_one_holds_one():
    probabilities = np.array([0.0, 0.1, 0.95, 1.0])
    bins = reliability_table(np.array([False, True, True, False]), probabilities)
    assert [b.rows for b in bins] == [1, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert (bins[9].mean_probability, bins[9].error_rate) == (pytest.approx(0.975), 0.5)
    assert math.isnan(bins[5].error_rate)


def test_calibration_error_weighs_bins_by_their_rows():
    is_error = np.array([True, False, False, True])
    probabilities = np.array([0.25, 0.25, 0.25, 0.85])
    # Bin 0.2: said 0.25, was 1/3, three rows; bin 0.8: said 0.85, was 1, one row.
    expected = 0.75 * (1 / 3 - 0.25) + 0.25 * 0.15
    assert expected_calibration_error(is_error, probabilities) == pytest.approx(expected)


def test_perfect_and_worst_calibration():
    assert expected_calibration_error(np.array([True, False]), np.array([1.0, 0.0])) == 0
    assert expected_calibration_error(np.array([False, True]), np.array([1.0, 0.0])) == 1


def test_probabilities_outside_their_range_are_refused():
    for bad in (1.01, -0.01, math.nan):
        with pytest.raises(DataError, match="outside"):
            reliability_table(np.array([True]), np.array([bad]))


def test_no_rows_is_nan():
    assert math.isnan(expected_calibration_error(np.zeros(0, bool), np.zeros(0)))
