"""Texts into batches: each distinct text once, longest first, so many tokens at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from noisefix.hardware import BatchTooLargeError

R = TypeVar("R")
Batch = np.ndarray
"""(B,) int64 positions."""


def distinct_texts(texts: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Return the distinct texts in the order of their first row, and where each row finds its own.

    Returns:
        M texts, and (N,) int64 in 0..M-1: ``texts[i] == distinct[inverse[i]]``.
    """
    index: dict[str, int] = {}
    inverse = np.fromiter(
        (index.setdefault(text, len(index)) for text in texts), dtype=np.int64, count=len(texts)
    )
    return list(index), inverse


def token_batches(counts: np.ndarray, budget: int, *, is_padded: bool) -> Iterator[Batch]:
    """Cut the texts, longest first (ties in order), into batches of at most ``budget`` tokens.

    A text longer than the budget is a batch of its own.

    Args:
        counts: (N,) tokens in each text, at least 1.
        budget: tokens in a batch.
        is_padded: shorter texts take as much room as the longest of their batch.

    Yields:
        Positions; all batches together hold each position once.
    """
    order, descending = _longest_first(counts)
    start = 0
    while start < len(order):
        end = start + _batch_size(descending[start:], budget, is_padded)
        yield order[start:end]
        start = end


def shrinking_batches(
    counts: np.ndarray,
    budget: int,
    run: Callable[[Batch], R],
    *,
    is_padded: bool,
) -> Iterator[tuple[Batch, R]]:
    """Run batch after batch; one that does not fit into memory is halved, and so are the rest.

    Args:
        counts: (N,) tokens in each text.
        budget: tokens in a batch to begin with.
        run: works on positions; raises ``BatchTooLargeError``.
        is_padded: as in ``token_batches``.

    Yields:
        Positions and what ``run`` made of them.

    Raises:
        BatchTooLargeError: a single text does not fit.
    """
    order, descending = _longest_first(counts)
    start = 0
    while start < len(order):
        size = _batch_size(descending[start:], budget, is_padded)
        batch = order[start : start + size]
        try:
            result = run(batch)
        except BatchTooLargeError:
            if size == 1:
                raise
            taken = counts[batch].max() * size if is_padded else counts[batch].sum()
            budget = int(taken) // 2
            continue
        yield batch, result
        start += size


def _longest_first(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(-counts, kind="stable")
    return order, counts[order]


def _batch_size(descending: np.ndarray, budget: int, is_padded: bool) -> int:
    longest = int(descending[0])
    if is_padded:
        return min(max(1, budget // longest), len(descending))
    # Every text has one token or more, so the batch cannot hold more than ``budget`` texts.
    taken = np.cumsum(descending[: max(1, budget)])
    return max(1, int(np.searchsorted(taken, budget, side="right")))
