"""Checks of probabilities and labels, and the blocks of rows in which everything is read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from noisefix.errors import DataError
from noisefix.labels import UNLABELLED

SUM_TOLERANCE = 0.01
"""How far a row's sum may be from 1: probabilities rounded to a few decimals, or computed in half
precision, pass; logits, percentages and multi-label scores do not."""

NEGATIVE_TOLERANCE = 1e-6
"""A probability may be this far below 0 by rounding, as in cleanlab."""

BLOCK_CELLS = 1 << 18
"""Cells read at once: 1 MB of float32, small enough to stay in a core's cache between steps."""


def row_blocks(n_rows: int, n_classes: int, block_rows: int | None = None) -> Iterator[slice]:
    """Yield slices that cover all rows in order.

    Args:
        n_rows: N.
        n_classes: K.
        block_rows: rows in a block; None chooses by ``BLOCK_CELLS``. No result depends on it.
    """
    size = block_rows or max(1, BLOCK_CELLS // n_classes)
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))


def check_pred_probs(
    pred_probs: np.ndarray,
    n_rows: int | None = None,
    *,
    tolerance: float = SUM_TOLERANCE,
    block_rows: int | None = None,
) -> np.ndarray:
    """Check that every row is a probability distribution.

    Args:
        pred_probs: (N, K) probabilities, K >= 2.
        n_rows: N as known from elsewhere; None: any.
        tolerance: how far a row's sum may be from 1.
        block_rows: rows read at once; no result depends on it.

    Returns:
        (N, K) float32 or float64, C-contiguous: the same array when it already is that, else one
        converted copy.

    Raises:
        DataError: wrong shape or type, or a row with NaN, infinity, a negative number or a sum
            that is not 1, named by its number (1 = first).
    """
    probs = as_pred_probs(pred_probs, n_rows)
    n_rows, n_classes = probs.shape
    for block in row_blocks(n_rows, n_classes, block_rows):
        check_block(probs[block], block.start, tolerance)
    return probs


def as_pred_probs(pred_probs: np.ndarray, n_rows: int | None = None) -> np.ndarray:
    """Check shape and type only; see ``check_pred_probs``."""
    probs = np.asarray(pred_probs)
    if probs.ndim != 2:
        raise DataError(
            f"pred_probs has shape {probs.shape}; expected (rows, classes)",
            "give one row a text and one column a class",
        )
    if n_rows is not None and len(probs) != n_rows:
        raise DataError(f"pred_probs has {len(probs)} rows, but there are {n_rows} labels")
    if len(probs) == 0:
        raise DataError("pred_probs has no rows")
    if probs.shape[1] < 2:
        raise DataError(f"pred_probs has {probs.shape[1]} class columns; at least 2 are needed")
    if probs.dtype.kind not in "fiub":
        raise DataError(f"pred_probs holds {probs.dtype}, not numbers")
    wide = probs.dtype.itemsize > 4 or probs.dtype.kind != "f"
    return np.ascontiguousarray(probs, dtype=np.float64 if wide else np.float32)


def check_block(probs: np.ndarray, first_row: int, tolerance: float = SUM_TOLERANCE) -> None:
    """Check the values of some rows.

    Args:
        probs: (B, K) rows of a pred_probs matrix.
        first_row: index of the first of them in the matrix, for messages.
        tolerance: how far a row's sum may be from 1.

    Raises:
        DataError: as in ``check_pred_probs``.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.abs(probs.sum(axis=1) - 1)
        # NaN and infinity fail both comparisons or the second one.
        if probs.min() >= -NEGATIVE_TOLERANCE and distance.max() <= tolerance:
            return
        negative = probs < -NEGATIVE_TOLERANCE
    finite = np.isfinite(probs)
    bad_sum = ~(distance <= tolerance)
    row = int(np.argmax(bad_sum | negative.any(axis=1)))
    where = f"pred_probs, row {first_row + row + 1}"
    if not finite[row].all():
        column = int(np.argmin(finite[row]))
        raise DataError(
            f"{where}, class column {column + 1}: {probs[row, column]} is not a probability",
            "fill in or remove this row",
        )
    if negative[row].any():
        column = int(np.argmax(negative[row]))
        raise DataError(
            f"{where}, class column {column + 1}: {probs[row, column]:g} is negative",
            "probabilities are needed: apply softmax to logits",
        )
    raise DataError(
        f"{where}: probabilities sum to {float(probs[row].sum()):g}, not 1 (within {tolerance:g})",
        "normalise each row, or apply softmax to logits",
    )


def check_given_labels(given_labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Check that labels are class ids or ``UNLABELLED``.

    Args:
        given_labels: (N,) integers.
        n_classes: K.

    Returns:
        (N,) int64.

    Raises:
        DataError: wrong shape or type, or a label outside -1..K-1, named by its row (1 = first).
    """
    given = np.asarray(given_labels)
    if given.ndim != 1:
        raise DataError(f"given labels have shape {given.shape}; expected one label a row")
    if given.dtype.kind not in "iu":
        raise DataError(
            f"given labels hold {given.dtype}; expected class ids 0..{n_classes - 1}",
            f"{UNLABELLED} stands for a row without a label",
        )
    bad = (given < UNLABELLED) | (given >= n_classes)
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"given labels, row {row + 1}: class id {given[row]} is outside 0..{n_classes - 1}",
            f"{UNLABELLED} stands for a row without a label",
        )
    return given.astype(np.int64, copy=False)
