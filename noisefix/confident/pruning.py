"""How many rows of each class pair to prune, and which."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from noisefix.confident.ranking import lowest
from noisefix.confident.rows import RowSummary
from noisefix.confident.validation import row_blocks

GROUP = 32
"""Rows whose largest margins are taken together to bound the margin a pruned row must have."""

SMALL_CLASS = 4 * GROUP
"""Classes of up to this many rows are sorted whole."""

CHUNK_CELLS = 1 << 21
"""Cells of a class held at once: 8 MB of float32."""

SPARE = 1 << 18
"""Candidates held beyond those wanted before they are sorted through."""


def prune_counts(
    calibrated: np.ndarray, *, frac_noise: float = 1.0, min_examples_per_class: int = 1
) -> np.ndarray:
    """Decide how many rows to prune for each pair of classes.

    The diagonal, rows to keep, is raised to ``min_examples_per_class``; what it gains is taken
    evenly from the pairs that have rows. Then ``frac_noise`` of each pair is pruned and the rest
    kept. Counts are cut to whole numbers, as in cleanlab.

    Args:
        calibrated: (K, K) calibrated confident joint, [given, true].
        frac_noise: share of the estimated errors to prune, in [0, 1].
        min_examples_per_class: rows of each given class to keep at least.

    Returns:
        (K, K) int64, [given, true]: off the diagonal rows to prune, on it rows to keep.
    """
    diagonal = calibrated.diagonal()
    kept = np.maximum(diagonal, min_examples_per_class)
    sharing = np.maximum(np.count_nonzero(calibrated, axis=1) - 1, 1)
    reduced = np.maximum(calibrated - ((kept - diagonal) / sharing)[:, None], 0)
    np.fill_diagonal(reduced, 0)
    pruned: np.ndarray = (reduced * frac_noise).astype(np.int64)
    returned = (reduced - reduced * frac_noise).sum(axis=1)
    np.fill_diagonal(pruned, (kept + returned).astype(np.int64))
    return pruned


def class_rows(
    rows: RowSummary, counts: np.ndarray, least: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (class, indices of its rows in row order) for every class that may lose rows.

    Args:
        rows: the row summary.
        counts: (K,) int, rows to prune from each class; classes with 0 are left out.
        least: classes with at most this many rows are left out, and so are classes of one row.
    """
    # A 16-bit key sorts by radix, several times faster than a 64-bit one.
    key = np.int16 if rows.n_classes <= np.iinfo(np.int16).max else np.int64
    order = np.argsort(rows.given_labels.astype(key), kind="stable")
    ends = np.cumsum(np.bincount(rows.given_labels + 1, minlength=rows.n_classes + 1))
    for k in np.flatnonzero(counts > 0):
        members = order[ends[k] : ends[k + 1]]
        if len(members) > max(least, 1):
            yield int(k), members


def largest_margins(
    pred_probs: np.ndarray, members: np.ndarray, given: int, counts: np.ndarray
) -> np.ndarray:
    """Find, for each other class j, the rows with the largest p_j - p_given, first rows of equals.

    Pairs of which few rows are wanted are sorted out together. Where so many are wanted that
    bounding them by groups would not pay, each column is partitioned by itself; there are at most
    ``GROUP`` such pairs a class.

    Args:
        pred_probs: (N, K) probabilities.
        members: (M,) indices of the rows given this class, in row order.
        given: the class.
        counts: (K,) int, rows wanted for each class j; 0 for ``given``.

    Returns:
        (M,) bool: wanted for some j.
    """
    chosen = np.zeros(len(members), dtype=bool)
    few = counts
    if len(members) > SMALL_CLASS:
        few = np.where(counts <= len(members) // GROUP, counts, 0)
    if few.any():
        chosen[_few_largest(pred_probs, members, given, few)] = True
    for j in np.flatnonzero(counts > few):
        margin = pred_probs[members, given] - pred_probs[members, j]
        chosen |= lowest(margin, int(counts[j]))
    return chosen


def _few_largest(
    pred_probs: np.ndarray, members: np.ndarray, given: int, counts: np.ndarray
) -> np.ndarray:
    """Return positions in ``members`` of the rows wanted; arguments as in ``largest_margins``.

    Of each group of rows the largest margin is noted first. When ``counts[j]`` groups have a
    margin of at least b, the rows wanted are among those of at least b, which are few.
    """
    n_classes = pred_probs.shape[1]
    size = max(1, CHUNK_CELLS // n_classes // GROUP) * GROUP
    chunks = [slice(s, min(s + size, len(members))) for s in range(0, len(members), size)]
    margins = _margins(pred_probs, members[chunks[0]], given)
    bounds = np.where(counts > 0, -np.inf, np.inf).astype(margins.dtype)
    if len(members) > SMALL_CLASS:
        peaks = [_group_peaks(margins)]
        for chunk in chunks[1:]:
            peaks.append(_group_peaks(_margins(pred_probs, members[chunk], given)))
        targets = np.flatnonzero(counts)
        ranked = np.sort(np.concatenate(peaks)[:, targets].T, axis=1)
        bounds[targets] = ranked[np.arange(len(targets)), -counts[targets]]
    largest = _Largest(counts, bounds)
    for chunk in chunks:
        if len(chunks) > 1:
            margins = _margins(pred_probs, members[chunk], given)
        for block in row_blocks(*margins.shape):
            largest.add(margins[block], chunk.start + block.start)
    return largest.rows()


class _Largest:
    """The ``counts[j]`` largest margins of each class j among the rows added, first of equals."""

    def __init__(self, counts: np.ndarray, bounds: np.ndarray) -> None:
        self._counts = counts
        self._bounds = bounds
        self._limit = int(counts.sum()) + SPARE
        self._found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, margins: np.ndarray, first_row: int) -> None:
        """Look at (B, K) margins of rows that come after all rows added before."""
        cells = np.flatnonzero(margins >= self._bounds)
        row, j = np.divmod(cells, margins.shape[1])
        row += first_row
        self._found.append((j.astype(np.int32), row.astype(np.int32), margins.ravel()[cells]))
        if sum(len(margin) for _, _, margin in self._found) > self._limit:
            self._prune()

    def rows(self) -> np.ndarray:
        """Return the rows wanted for some class; a row may be there several times."""
        self._prune()
        return self._found[0][1]

    def _prune(self) -> None:
        j, row, margin = (np.concatenate(parts) for parts in zip(*self._found, strict=True))
        # Stable, so that equal margins of a class stay in row order.
        order = np.lexsort((-margin, j))
        j = j[order]
        place = np.arange(len(j)) - np.searchsorted(j, j)
        kept = place < self._counts[j]
        order, j, place = order[kept], j[kept], place[kept]
        self._found = [(j, row[order], margin[order])]
        # Where all that are wanted have been found, only a larger margin can still get in.
        last = place == self._counts[j] - 1
        lowest_kept = self._found[0][2][last]
        self._bounds[j[last]] = np.nextafter(lowest_kept, lowest_kept.dtype.type(np.inf))


def _margins(pred_probs: np.ndarray, members: np.ndarray, given: int) -> np.ndarray:
    """Return (M, K) p_j - p_given of some rows."""
    margins: np.ndarray = pred_probs[members]
    margins -= margins[:, given].copy()[:, None]
    return margins


def _group_peaks(margins: np.ndarray) -> np.ndarray:
    """Return (M // GROUP, K) largest margins of each whole group of rows."""
    whole = margins[: len(margins) // GROUP * GROUP]
    peaks: np.ndarray = whole.reshape(-1, GROUP, margins.shape[1]).max(axis=1)
    return peaks
