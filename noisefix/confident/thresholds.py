"""Per-class confidence thresholds: how sure the classifier is of a class on the rows given it."""

from __future__ import annotations

import numpy as np

from noisefix.confident.rows import RowSummary, summarize_rows
from noisefix.errors import DataError

NEVER_CONFIDENT = 2.0
"""Threshold of a class without rows: no probability reaches it."""

COMPARISON_SLACK = 1e-6
"""A probability this far below the threshold still counts as confident, as in cleanlab, so that
rows which all have the same probability are confident in spite of rounding."""

LOWEST_THRESHOLD = 2 * COMPARISON_SLACK
"""Thresholds are at least this, so that a probability of 0 is never confident."""

_HALF_BITS = float(1 << 26)


def class_thresholds(
    given_labels: np.ndarray, pred_probs: np.ndarray, *, rows: RowSummary | None = None
) -> np.ndarray:
    """Average, for each class, the probability of that class over the rows given it.

    The sums are exact (fixed point, 52 bits after the point), so that neither the order of the
    rows nor the size of a block can change a bit of the result.

    Args:
        given_labels: (N,) class ids, -1 = unlabelled.
        pred_probs: (N, K) out-of-sample probabilities.
        rows: what ``summarize_rows`` returned for the same two arrays, to save reading them again.

    Returns:
        (K,) float64 thresholds; ``NEVER_CONFIDENT`` for a class without rows.

    Raises:
        DataError: labels or probabilities are unusable.

    Source: Northcutt, Jiang and Chuang 2021, section 3.1, equation 2.
    """
    rows = rows or summarize_rows(given_labels, pred_probs)
    labelled = rows.labelled
    given = rows.given_labels[labelled]
    scaled = rows.self_confidence[labelled].astype(np.float64)
    counts = np.bincount(given, minlength=rows.n_classes)
    # Whole numbers below 2**53 add up without rounding in any order: the sums of each half stay
    # exact up to 2**27 rows a class.
    scaled *= _HALF_BITS
    high = np.floor(scaled)
    high_sums = np.bincount(given, weights=high, minlength=rows.n_classes)
    scaled -= high
    scaled *= _HALF_BITS
    low_sums = np.bincount(given, weights=np.rint(scaled, out=scaled), minlength=rows.n_classes)
    sums = (high_sums + low_sums / _HALF_BITS) / _HALF_BITS
    means = np.maximum(sums / np.maximum(counts, 1), LOWEST_THRESHOLD)
    return np.where(counts > 0, means, NEVER_CONFIDENT)


def check_thresholds(thresholds: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the user's thresholds as (K,) float64.

    Raises:
        DataError: not one finite number for each class.
    """
    values = np.asarray(thresholds, dtype=np.float64).reshape(-1)
    if len(values) != n_classes or not np.isfinite(values).all():
        raise DataError(
            f"{len(values)} thresholds for {n_classes} classes; expected one finite number each"
        )
    return values


def cutoffs(thresholds: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return the smallest number of a type that counts as confident, for each class.

    ``p >= cutoffs(t, p.dtype)`` is the comparison of p with ``t - COMPARISON_SLACK`` in float64,
    without converting p.

    Args:
        thresholds: (K,) float64.
        dtype: float32 or float64.
    """
    exact = thresholds - COMPARISON_SLACK
    rounded = exact.astype(dtype)
    too_low = rounded.astype(np.float64) < exact
    rounded[too_low] = np.nextafter(rounded[too_low], dtype.type(np.inf))
    return rounded
