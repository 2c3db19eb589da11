"""Rankings by score: stable, ties in row order, the same on every machine."""

from __future__ import annotations

import numpy as np

from noisefix.errors import DataError

UNRANKED = 0


def rank(scores: np.ndarray, row_order: np.ndarray | None = None) -> np.ndarray:
    """Rank rows from most to least suspicious.

    Args:
        scores: (N,) label quality, low = suspicious; NaN = not to be ranked (unlabelled).
        row_order: (N,) position of each row, to break ties; None: the order of ``scores``.

    Returns:
        (N,) int64: 1 = most suspicious, no number twice; ``UNRANKED`` (0) where the score is NaN.

    Raises:
        DataError: ``row_order`` has another length.
    """
    order = ranked_rows(scores, row_order=row_order)
    ranks = np.full(len(scores), UNRANKED, dtype=np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    return ranks


def ranked_rows(
    scores: np.ndarray,
    is_issue: np.ndarray | None = None,
    row_order: np.ndarray | None = None,
) -> np.ndarray:
    """Return indices of rows, most suspicious first.

    Args:
        scores: (N,) label quality, low = suspicious; NaN = left out.
        is_issue: (N,) bool, rows to return; None: all.
        row_order: (N,) position of each row, to break ties; None: the order of ``scores``.

    Returns:
        (M,) int64 indices.

    Raises:
        DataError: an array has another length than ``scores``.
    """
    scores = np.asarray(scores)
    chosen = ~np.isnan(scores)
    if is_issue is not None:
        _check_length("is_issue", is_issue, scores)
        chosen &= is_issue
    rows = np.flatnonzero(chosen)
    if row_order is None:
        return rows[np.argsort(scores[rows], kind="stable")]
    _check_length("row_order", row_order, scores)
    return rows[np.lexsort((np.asarray(row_order)[rows], scores[rows]))]


def lowest(values: np.ndarray, count: int) -> np.ndarray:
    """Return a mask of the smallest values, the first rows of equals, without sorting them all.

    Args:
        values: (N,) numbers without NaN.
        count: how many; fewer where there are fewer values, none where it is negative.

    Returns:
        (N,) bool.
    """
    if count >= len(values):
        return np.ones(len(values), dtype=bool)
    if count <= 0:
        return np.zeros(len(values), dtype=bool)
    last = np.partition(values, count - 1)[count - 1]
    mask: np.ndarray = values < last
    ties = np.flatnonzero(values == last)
    mask[ties[: count - int(np.count_nonzero(mask))]] = True
    return mask


def _check_length(name: str, array: np.ndarray, scores: np.ndarray) -> None:
    if len(array) != len(scores):
        raise DataError(f"{name} has {len(array)} rows, the scores have {len(scores)}")
