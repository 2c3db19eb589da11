"""The confident joint: how often each given label goes with each class that seems true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from noisefix.confident.matrices import check_square
from noisefix.confident.rows import RowSummary, summarize_rows
from noisefix.confident.thresholds import check_thresholds, class_thresholds, cutoffs
from noisefix.confident.validation import check_given_labels, row_blocks
from noisefix.errors import DataError

Collision = Literal["all", "confident"]


@dataclass(frozen=True, eq=False)
class ConfidentJoint:
    """Counts of rows by given label and by the class they are confidently in.

    Attributes:
        counts: (K, K) int64, [given, true]: rows counted; each diagonal entry at least 1.
        calibrated: (K, K) int64, [given, true]: the same scaled to the class sizes; row sums are
            the numbers of rows given each label, the total is the number of labelled rows.
        thresholds: (K,) float64 that were applied.
        off_diagonal_issues: (M,) int64 indices, ascending, of the rows counted off the diagonal.
    """

    counts: np.ndarray
    calibrated: np.ndarray
    thresholds: np.ndarray
    off_diagonal_issues: np.ndarray

    @property
    def joint(self) -> np.ndarray:
        """(K, K) float64, [given, true]: estimated P(given, true); sums to 1."""
        joint: np.ndarray = self.calibrated / self.calibrated.sum()
        return joint


def confident_joint(
    given_labels: np.ndarray,
    pred_probs: np.ndarray,
    *,
    thresholds: np.ndarray | None = None,
    collision: Collision = "all",
    rows: RowSummary | None = None,
    block_rows: int | None = None,
) -> ConfidentJoint:
    """Count rows whose probability of a class reaches that class's threshold.

    A row that reaches the threshold of one class counts for that class, a row that reaches none is
    not counted. For a row that reaches several, cleanlab takes the largest probability of *all*
    classes, even one below its own threshold (its open issue 1248), where the paper takes the
    largest among the classes reached. Unlabelled rows are not counted.

    Args:
        given_labels: (N,) class ids, -1 = unlabelled.
        pred_probs: (N, K) out-of-sample probabilities.
        thresholds: (K,) to use instead of ``class_thresholds``.
        collision: "all" as cleanlab does, "confident" as the paper says.
        rows: what ``summarize_rows`` returned for the same two arrays, to save reading them again.
        block_rows: rows read at once; no result depends on it.

    Raises:
        DataError: labels, probabilities or thresholds are unusable, or no row has a label.

    Source: Northcutt, Jiang and Chuang 2021, section 3.1, equation 1.
    """
    rows = rows or summarize_rows(given_labels, pred_probs, block_rows=block_rows)
    n_classes = rows.n_classes
    if thresholds is None:
        thresholds = class_thresholds(given_labels, pred_probs, rows=rows)
    else:
        thresholds = check_thresholds(thresholds, n_classes)
    label_counts = _label_counts(rows.given_labels, n_classes)
    guess = _confident_class(rows, thresholds, collision, block_rows)
    counted = guess >= 0
    counted &= rows.labelled
    pairs = rows.given_labels[counted] * n_classes + guess[counted]
    counts = np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)
    np.fill_diagonal(counts, np.maximum(counts.diagonal(), 1))
    counted &= guess != rows.given_labels
    return ConfidentJoint(
        counts, _scale_rows(counts, label_counts), thresholds, np.flatnonzero(counted)
    )


def _confident_class(
    rows: RowSummary, thresholds: np.ndarray, collision: Collision, block_rows: int | None
) -> np.ndarray:
    """Return the (N,) int64 class each row is confidently in, -1 for none."""
    probs = rows.pred_probs
    reach = cutoffs(thresholds, probs.dtype)
    predicted = rows.predicted_label
    sure = rows.predicted_prob >= reach[predicted]
    guess = np.where(sure, predicted, -1)
    # Where the argmax reaches its threshold it is the answer, whatever else does. Only the other
    # rows need all their probabilities looked at.
    unsure = np.flatnonzero(~sure)
    for block in row_blocks(len(unsure), rows.n_classes, block_rows):
        where = unsure[block]
        reached = probs[where] >= reach
        first = reached.argmax(axis=1)
        some = np.flatnonzero(reached[np.arange(len(where)), first])
        where, first, reached = where[some], first[some], reached[some]
        if collision == "confident":
            guess[where] = np.where(reached, probs[where], -1).argmax(axis=1)
        else:
            reached[np.arange(len(where)), first] = False
            guess[where] = np.where(reached.any(axis=1), predicted[where], first)
    return guess


def calibrate(counts: np.ndarray, given_labels: np.ndarray) -> np.ndarray:
    """Scale the rows of a confident joint to the numbers of rows given each label.

    Each row is rounded to integers that keep its sum, by largest remainder in exact integer
    arithmetic. Of equal remainders the higher class id is rounded up first, which is what cleanlab
    does wherever its sort leaves equals in order. Calibrating twice changes nothing.

    Args:
        counts: (K, K) non-negative integers, [given, true].
        given_labels: (N,) class ids, -1 = unlabelled.

    Returns:
        (K, K) int64, [given, true]; row sums are the class sizes.

    Raises:
        DataError: counts are not a square of non-negative integers, labels do not fit them, or no
            row has a label.

    Source: Northcutt, Jiang and Chuang 2021, section 3.1, equation 3.
    """
    counts = check_square(counts)
    whole = counts.astype(np.int64)
    if (whole != counts).any():
        raise DataError("a confident joint holds counts; expected whole numbers")
    given = check_given_labels(given_labels, len(counts))
    return _scale_rows(whole, _label_counts(given, len(counts)))


def estimate_joint(counts: np.ndarray, given_labels: np.ndarray) -> np.ndarray:
    """Estimate P(given, true) from a confident joint, calibrated or not.

    Args:
        counts: (K, K) non-negative integers, [given, true].
        given_labels: (N,) class ids, -1 = unlabelled.

    Returns:
        (K, K) float64, [given, true]; sums to 1, row sums are the shares of the given labels.

    Raises:
        DataError: as in ``calibrate``.

    Source: Northcutt, Jiang and Chuang 2021, section 3.1, equation 3.
    """
    calibrated = calibrate(counts, given_labels)
    joint: np.ndarray = calibrated / calibrated.sum()
    return joint


def _label_counts(given: np.ndarray, n_classes: int) -> np.ndarray:
    label_counts = np.bincount(given[given >= 0], minlength=n_classes)
    if not label_counts.any():
        raise DataError("no row has a label", "at least one labelled row is needed")
    return label_counts


def _scale_rows(counts: np.ndarray, label_counts: np.ndarray) -> np.ndarray:
    totals = counts.sum(axis=1)
    # A row that counted nothing says nothing against its labels: they stay on the diagonal.
    counts = counts + np.diag(totals == 0)
    totals = np.maximum(totals, 1)
    scaled, remainders = np.divmod(counts * label_counts[:, None], totals[:, None])
    missing = label_counts - scaled.sum(axis=1)
    # Sorted stably in ascending order, the last places hold the largest remainders and, of equal
    # ones, the higher class ids.
    order = np.argsort(remainders, axis=1, kind="stable")
    last = np.arange(len(counts)) >= len(counts) - missing[:, None]
    rounded_up = np.empty_like(scaled)
    np.put_along_axis(rounded_up, order, last, axis=1)
    calibrated: np.ndarray = scaled + rounded_up
    return calibrated
