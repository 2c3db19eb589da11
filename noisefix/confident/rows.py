"""What one reading of the probabilities tells about each row; everything else starts from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisefix.confident.validation import as_pred_probs, check_block, check_given_labels, row_blocks

AGREEMENT_MARGIN = 1e-6
"""The given label counts as predicted when it is this close to the top, as in cleanlab."""


@dataclass(frozen=True, eq=False)
class RowSummary:
    """The given label and its strongest rival, row by row. Built by ``summarize_rows``.

    Attributes:
        given_labels: (N,) int64 class ids, -1 = unlabelled.
        pred_probs: (N, K) checked probabilities, C-contiguous.
        self_confidence: (N,) probability of the given label, in the type of ``pred_probs``;
            NaN for unlabelled rows.
        best_other: (N,) int32, the most probable class other than the given one, the first of
            equals; for unlabelled rows the most probable of all.
        best_other_prob: (N,) its probability, in the type of ``pred_probs``.
    """

    given_labels: np.ndarray
    pred_probs: np.ndarray
    self_confidence: np.ndarray
    best_other: np.ndarray
    best_other_prob: np.ndarray

    @property
    def n_classes(self) -> int:
        """K."""
        return int(self.pred_probs.shape[1])

    @property
    def labelled(self) -> np.ndarray:
        """(N,) bool: rows that have a label."""
        return self.given_labels >= 0

    @property
    def predicted_label(self) -> np.ndarray:
        """(N,) int64: argmax of each row, the first of equals."""
        wins = self._given_wins(self.self_confidence)
        predicted: np.ndarray = np.where(wins, self.given_labels, self.best_other)
        return predicted

    @property
    def predicted_prob(self) -> np.ndarray:
        """(N,) the largest probability of each row, in the type of ``pred_probs``."""
        largest: np.ndarray = np.fmax(self.self_confidence, self.best_other_prob)
        return largest

    @property
    def agrees(self) -> np.ndarray:
        """(N,) bool: the given label is the argmax once it is granted ``AGREEMENT_MARGIN``."""
        margin = self.self_confidence.dtype.type(AGREEMENT_MARGIN)
        return self._given_wins(self.self_confidence + margin)

    def _given_wins(self, given_prob: np.ndarray) -> np.ndarray:
        # NaN (unlabelled) compares false. Of equals, the class that comes first is the argmax.
        first = self.given_labels < self.best_other
        wins: np.ndarray = given_prob > self.best_other_prob
        wins |= (given_prob == self.best_other_prob) & first
        return wins


def summarize_rows(
    given_labels: np.ndarray, pred_probs: np.ndarray, *, block_rows: int | None = None
) -> RowSummary:
    """Check labels and probabilities and summarise each row, in one reading of the matrix.

    Every function of this package takes the result as ``rows`` and then neither checks nor reads
    again what is already known.

    Args:
        given_labels: (N,) class ids, -1 = unlabelled.
        pred_probs: (N, K) out-of-sample probabilities.
        block_rows: rows read at once; no result depends on it.

    Raises:
        DataError: labels or probabilities are unusable; see ``check_pred_probs``.
    """
    probs = as_pred_probs(pred_probs, len(given_labels))
    n_rows, n_classes = probs.shape
    given = check_given_labels(given_labels, n_classes)
    self_confidence = np.full(n_rows, np.nan, dtype=probs.dtype)
    best_other = np.empty(n_rows, dtype=np.int32)
    best_other_prob = np.empty(n_rows, dtype=probs.dtype)
    scratch = np.empty((0, n_classes), dtype=probs.dtype)
    for block in row_blocks(n_rows, n_classes, block_rows):
        check_block(probs[block], block.start)
        size = block.stop - block.start
        if len(scratch) < size:
            scratch = np.empty((size, n_classes), dtype=probs.dtype)
        others = scratch[:size]
        np.copyto(others, probs[block])
        labelled = np.flatnonzero(given[block] >= 0)
        cells = (labelled, given[block][labelled])
        self_confidence[block][labelled] = others[cells]
        others[cells] = -1
        best = others.argmax(axis=1)
        best_other[block] = best
        best_other_prob[block] = others[np.arange(size), best]
    return RowSummary(given, probs, self_confidence, best_other, best_other_prob)
