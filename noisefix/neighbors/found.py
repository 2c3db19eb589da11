"""What a search finds, and how its candidates become ranked rows of the base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Neighbors:
    """Neighbours of Q rows, the nearest first; of equal ones, the lower index first.

    Attributes:
        indices: (Q, k) integers into the base; -1 where fewer exist.
        similarities: (Q, k) float32 cosines in [-1, 1]; 0 where the index is -1.
        recall: share of the true neighbours that are among those found, in [0, 1]: measured on
            some of the queries where the search is not exact, else 1.
    """

    indices: np.ndarray
    similarities: np.ndarray
    recall: float = 1.0

    @classmethod
    def none_yet(cls, n_queries: int, n_neighbors: int, n_base: int) -> Neighbors:
        """Return lists to be filled in, of as small numbers as a base of so many rows allows."""
        shape = (n_queries, n_neighbors)
        kind = np.int32 if n_base < 2**31 else np.int64  # they are kept, and are many
        return cls(np.full(shape, -1, kind), np.zeros(shape, np.float32))


def rank_members(
    row: np.ndarray, member: np.ndarray, cosine: np.ndarray, n_rows: int, wanted: int
) -> tuple[Neighbors, np.ndarray]:
    """Rank base rows found for queries, given one by one.

    Args:
        row: (M,) which query.
        member: (M,) which base row; none twice for one query.
        cosine: (M,) float32.
        n_rows: Q.
        wanted: k.

    Returns:
        The neighbours, and (Q,) how many were found for each query, more than k perhaps.
    """
    indices = np.full((n_rows, wanted), -1, dtype=np.int64)
    similarities = np.zeros((n_rows, wanted), dtype=np.float32)
    order = np.lexsort((member, -cosine, row))
    row, member, cosine = row[order], member[order], cosine[order]
    n_found = np.bincount(row, minlength=n_rows)
    place = np.arange(len(row)) - np.repeat(np.cumsum(n_found) - n_found, n_found)
    top = place < wanted
    indices[row[top], place[top]] = member[top]
    similarities[row[top], place[top]] = cosine[top]
    return Neighbors(indices, similarities), n_found


def nearest_of(parts: Sequence[Neighbors], wanted: int) -> Neighbors:
    """Return the nearest of what was found for the same Q queries in several parts of the base."""
    if len(parts) == 1:
        return parts[0]
    indices = np.concatenate([part.indices for part in parts], axis=1)
    similarities = np.concatenate([part.similarities for part in parts], axis=1)
    row, at = np.nonzero(indices >= 0)
    return rank_members(row, indices[row, at], similarities[row, at], len(indices), wanted)[0]


def without_row(found: Neighbors, exclude: np.ndarray) -> Neighbors:
    """Remove one base row (Q,) from each list, else the last entry: k - 1 are left."""
    drop = found.indices == exclude[:, None]
    drop[:, -1] |= ~drop.any(axis=1)
    drop &= np.cumsum(drop, axis=1) == 1
    shape = (len(drop), drop.shape[1] - 1)
    return Neighbors(
        found.indices[~drop].reshape(shape), found.similarities[~drop].reshape(shape), found.recall
    )


def stacked(parts: Sequence[Neighbors]) -> Neighbors:
    """Put neighbours of blocks of queries under each other."""
    return Neighbors(
        np.concatenate([part.indices for part in parts]),
        np.concatenate([part.similarities for part in parts]),
        min(part.recall for part in parts),
    )
