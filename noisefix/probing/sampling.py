"""A part of the rows, where all of them would take long and tell no more."""

from __future__ import annotations

import numpy as np


def some_rows(rows: np.ndarray, at_most: int) -> np.ndarray:
    """Return all rows, or ``at_most`` of them drawn at random, in their order.

    Drawn, not every n-th: files often repeat a pattern (right and wrong in turn, classes in turn),
    and a step of the same length would see only one side of it. The draw is the same every time.

    Args:
        rows: (R,) row indices.
        at_most: how many are wanted at most, at least 1.
    """
    if len(rows) <= at_most:
        return rows
    chosen = np.random.default_rng(0).choice(len(rows), at_most, replace=False, shuffle=False)
    drawn: np.ndarray = rows[np.sort(chosen)]
    return drawn
