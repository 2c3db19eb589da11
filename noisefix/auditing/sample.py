"""Which rows a person marks: an order of them whose every beginning is a fair sample.

The rows are divided into strata. Of each stratum the rows come at random, and the strata take turns
in short blocks, so that a person may stop anywhere, and go on another day.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

UNFLAGGED, FLAGGED, DISPUTED = 0, 1, 2
"""The kinds of rows to draw: not flagged, flagged, and those on which the readings disagree."""

BLOCK = (UNFLAGGED, UNFLAGGED, UNFLAGGED, FLAGGED, FLAGGED, DISPUTED)
"""Of six rows, half come from those that look right and half from those that do not."""

LEFT_OUT = -1

_INSTEAD = {
    UNFLAGGED: (FLAGGED, DISPUTED),
    FLAGGED: (DISPUTED, UNFLAGGED),
    DISPUTED: (FLAGGED, UNFLAGGED),
}


def draw_order(kinds: np.ndarray, at_most: int, seed: int) -> np.ndarray:
    """Return the rows in the order in which they are to be marked.

    The first n of them are, within each kind, a simple random sample without replacement: a row of
    a kind with N rows, of which m are among the first n, was drawn with probability m / N. Every
    six rows are a block in random order; where a kind has no more rows, another takes its turns.

    Args:
        kinds: (N,) ``UNFLAGGED``, ``FLAGGED`` or ``DISPUTED``; ``LEFT_OUT``: not to be drawn.
        at_most: how many rows to put in order.
        seed: of the draw.

    Returns:
        (M,) row indices, M = min(at_most, rows to be drawn).
    """
    rng = np.random.default_rng(seed)
    queues = {
        kind: rng.permutation(np.flatnonzero(kinds == kind)).tolist()[::-1] for kind in set(BLOCK)
    }
    order: list[int] = []
    while len(order) < at_most and any(queues.values()):
        block = []
        for kind in BLOCK:
            queue = next((queues[k] for k in (kind, *_INSTEAD[kind]) if queues[k]), None)
            if queue is not None:
                block.append(queue.pop())
        order += [block[place] for place in rng.permutation(len(block))]
    return np.array(order[:at_most], dtype=np.int64)


def ties(n_strata: int, seed: int) -> tuple[float, ...]:
    """Return a number in [0, 1) for each stratum, which ``estimate`` breaks ties with."""
    return tuple(np.random.default_rng([seed, n_strata]).random(n_strata).round(6).tolist())


def kinds_of(
    is_flagged: np.ndarray, is_disputed: np.ndarray, is_drawn_from: np.ndarray
) -> np.ndarray:
    """Return (N,) the kind of each row; what is disputed counts as that, flagged or not.

    Args:
        is_flagged: (N,) bool.
        is_disputed: (N,) bool: the readings of the data disagree.
        is_drawn_from: (N,) bool: the others are left out.
    """
    kinds = np.where(is_disputed, DISPUTED, np.where(is_flagged, FLAGGED, UNFLAGGED))
    return np.where(is_drawn_from, kinds, LEFT_OUT)


def counts(strata: Sequence[int], n_strata: int) -> list[int]:
    """Return how many rows there are of each stratum."""
    found: list[int] = np.bincount(np.array(strata, dtype=np.int64), minlength=n_strata).tolist()
    return found
