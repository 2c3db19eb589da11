"""The order in which an epoch goes through the rows: at random, and near by near on the disk.

Rows of a long table lie in a file. In an order that is wholly random each of them is a place of its
own, and where memory does not hold the file it is read from the disk again for nearly every row. So
short runs of neighbours are dealt at random into pools, and rows are drawn at random from one pool
after the other: a batch still has rows from all over the table, and an epoch reads the file once.
"""

from __future__ import annotations

import numpy as np

RUN = 16
"""Rows of a run: enough of them to be read at once, few enough that a sorted table is mixed."""

POOL = 4096 * RUN
"""Rows that are drawn from at a time; tables of no more are shuffled whole."""


def shuffled(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return rows in a random order, (R,), each once.

    Args:
        rows: (R,) places in a table, ascending.
        rng: where the order comes from.
    """
    n_rows = len(rows)
    if n_rows <= POOL:
        return rng.permutation(rows)
    runs = np.arange(n_rows) // RUN
    pools = rng.permutation(runs[-1] + 1)[runs] // (POOL // RUN)
    order: np.ndarray = rows[np.argsort(pools + rng.random(n_rows), kind="stable")]
    return order
