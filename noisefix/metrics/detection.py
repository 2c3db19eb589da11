"""How well wrong labels are found: ranking and flags against the known errors.

Written out in NumPy because importing ``sklearn.metrics`` takes longer than all of ``evaluate``;
the tests hold these functions to scikit-learn's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisefix.errors import DataError
from noisefix.metrics.accuracy import check_one_length, ratio


@dataclass(frozen=True)
class FlagScores:
    """A yes-or-no verdict against the truth; a ratio without a denominator is NaN."""

    flagged: int
    errors: int
    true_positives: int
    precision: float
    recall: float
    f1: float


def flag_scores(is_error: np.ndarray, is_flagged: np.ndarray) -> FlagScores:
    """Compare the flags with the known errors.

    Args:
        is_error: (N,) bool, True where the given label is known to be wrong.
        is_flagged: (N,) bool, True where it was flagged.

    Raises:
        DataError: the lengths differ.
    """
    check_one_length(is_error, is_flagged)
    flagged, errors = int(is_flagged.sum()), int(is_error.sum())
    hits = int((is_error & is_flagged).sum())
    return FlagScores(
        flagged=flagged,
        errors=errors,
        true_positives=hits,
        precision=ratio(hits, flagged),
        recall=ratio(hits, errors),
        f1=ratio(2 * hits, flagged + errors),
    )


def average_precision(is_error: np.ndarray, scores: np.ndarray) -> float:
    """Average precision of a ranking: sum of (recall step) x (precision at that step).

    Rows with equal scores form one step, so that the order within a tie changes nothing; the same
    definition as ``sklearn.metrics.average_precision_score`` (no interpolation).

    Args:
        is_error: (N,) bool, True where the given label is wrong.
        scores: (N,) finite numbers; high = suspicious.

    Returns:
        A number in (0, 1]; NaN where there is no error to be found.
    """
    tp, taken = _steps(is_error, scores)
    if tp.size == 0 or tp[-1] == 0:
        return float("nan")
    recall_steps = np.diff(tp, prepend=0) / tp[-1]
    return float(np.sum(recall_steps * (tp / taken)))


def area_under_roc(is_error: np.ndarray, scores: np.ndarray) -> float:
    """Probability that a wrong label scores above a right one, a tie counting one half.

    Args:
        is_error: (N,) bool, True where the given label is wrong.
        scores: (N,) finite numbers; high = suspicious.

    Returns:
        A number in [0, 1]; NaN where all labels are right, or all wrong.
    """
    tp, taken = _steps(is_error, scores)
    if tp.size == 0 or tp[-1] == 0 or tp[-1] == taken[-1]:
        return float("nan")
    fp = taken - tp
    width = np.diff(fp, prepend=0)
    height = (tp + np.concatenate(([0], tp[:-1]))) / 2
    return float(np.sum(width * height) / (tp[-1] * fp[-1]))


def precision_at(is_error: np.ndarray, order: np.ndarray, k: int) -> float:
    """Share of wrong labels among the k most suspicious rows.

    Args:
        is_error: (N,) bool, True where the given label is wrong.
        order: (N,) row indices, most suspicious first.
        k: how many rows a person looks at.

    Returns:
        A number in [0, 1]; NaN where there are fewer than k rows, or k is 0.
    """
    check_one_length(is_error, order)
    if k < 1 or k > order.size:
        return float("nan")
    return float(is_error[order[:k]].mean())


def _steps(is_error: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return errors found and rows taken after each distinct score, from the highest down."""
    check_one_length(is_error, scores)
    if not np.isfinite(scores).all():
        raise DataError("scores must be finite numbers to rank rows by them")
    order = np.argsort(-scores.astype(np.float64), kind="stable")
    sorted_scores = scores[order]
    ends = np.flatnonzero(np.append(np.diff(sorted_scores) != 0, scores.size > 0))
    tp = np.cumsum(is_error[order].astype(np.int64))[ends]
    return tp, ends + 1
