"""Do probabilities mean what they say: of the rows at 0.7, are 70 % wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisefix.errors import DataError
from noisefix.metrics.accuracy import check_one_length, ratio


@dataclass(frozen=True)
class CalibrationBin:
    """Rows whose probability lies in [low, high): what was said and what was so."""

    low: float
    high: float
    rows: int
    mean_probability: float
    error_rate: float


def reliability_table(
    is_error: np.ndarray, probabilities: np.ndarray, n_bins: int = 10
) -> list[CalibrationBin]:
    """Group rows by probability, in bins of equal width.

    Args:
        is_error: (N,) bool, what was to be predicted.
        probabilities: (N,) in [0, 1].
        n_bins: number of bins; the last one is closed at 1.

    Returns:
        ``n_bins`` bins, from 0 up; the means of an empty bin are NaN.

    Raises:
        DataError: a probability is outside [0, 1], or the lengths differ.
    """
    check_one_length(is_error, probabilities)
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise DataError("a probability is outside [0, 1] or not a number")
    index = np.minimum((probabilities * n_bins).astype(np.int64), n_bins - 1)
    rows = np.bincount(index, minlength=n_bins)
    said = np.bincount(index, weights=probabilities, minlength=n_bins)
    was = np.bincount(index, weights=is_error.astype(np.float64), minlength=n_bins)
    return [
        CalibrationBin(
            low=b / n_bins,
            high=(b + 1) / n_bins,
            rows=int(rows[b]),
            mean_probability=ratio(said[b], rows[b]),
            error_rate=ratio(was[b], rows[b]),
        )
        for b in range(n_bins)
    ]


def expected_calibration_error(
    is_error: np.ndarray, probabilities: np.ndarray, n_bins: int = 10
) -> float:
    """Mean over rows of |mean probability - error rate| of the row's bin, in [0, 1].

    Args:
        is_error: (N,) bool, what was to be predicted.
        probabilities: (N,) in [0, 1].
        n_bins: bins of equal width, as in ``reliability_table``.

    Returns:
        The error; NaN where there is no row.

    Source: Naeini, Cooper, Hauskrecht: Obtaining Well Calibrated Probabilities Using Bayesian
    Binning, AAAI 2015, for the binned estimator; applied to the probability of an error.
    """
    bins = reliability_table(is_error, probabilities, n_bins)
    if is_error.size == 0:
        return float("nan")
    gaps = [b.rows * abs(b.mean_probability - b.error_rate) for b in bins if b.rows]
    return float(sum(gaps) / is_error.size)
