"""Cells: each vector belongs to the nearest of some centroids (spherical k-means).

Products are made of whole grains of rows, counted from the first one, with one BLAS thread each:
the same vectors get the same cells, however many rows are read or worked on at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisefix.neighbors.distinct import as_float32, unit_length
from noisefix.threads import one_blas_thread, thread_map
from noisefix.vectors import GRAIN, Vectors, blocks

_STEPS = 6
_SAMPLE_PER_CELL = 64
_SAMPLE_ROWS = 2**17  # at most: 200 MB of 384 values each


def train_centroids(base: Vectors, rows: np.ndarray, n_cells: int) -> np.ndarray:
    """Find centroids by k-means on a sample, begun with some of its rows.

    Args:
        base: (B, D).
        rows: (U,) those of distinct vectors, in random order.
        n_cells: C, at most U.

    Returns:
        (C, D) float32 of unit length, or zero.
    """
    sample_size = max(n_cells, min(len(rows), _SAMPLE_PER_CELL * n_cells, _SAMPLE_ROWS))
    sample = unit_length(as_float32(base.take(np.sort(rows[:sample_size]))))
    centroids = sample[np.random.default_rng(0).permutation(len(sample))[:n_cells]]
    for _ in range(_STEPS if n_cells > 1 else 0):
        cell = nearest_cells(sample, centroids)
        order = np.argsort(cell, kind="stable")
        used, starts = np.unique(cell[order], return_index=True)
        centroids[used] = np.add.reduceat(sample[order], starts, axis=0)
        centroids = unit_length(centroids)  # one that got no row stays where it was
    return centroids


def nearest_cells(vectors: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Return the cell of each vector, (N,) int32.

    Args:
        vectors: (N, D), beginning with a whole grain.
        centroids: (C, D).
    """
    cell = np.empty(len(vectors), dtype=np.int32)

    def assign(rows: tuple[int, int]) -> None:
        first, last = rows
        cell[first:last] = (as_float32(vectors[first:last]) @ centroids.T).argmax(axis=1)

    with one_blas_thread():
        thread_map(assign, blocks(len(vectors), GRAIN))
    return cell


@dataclass(frozen=True, eq=False)
class Barred:
    """Cells that have nothing for a query: all their rows are of its own group.

    Attributes:
        groups: (Q,) of the queries.
        cell_groups: (C,) the group of which all rows of a cell are; -1: of several.
    """

    groups: np.ndarray
    cell_groups: np.ndarray


def probed_cells(
    queries: np.ndarray,
    rows: np.ndarray,
    centroids: np.ndarray,
    n_probes: int,
    barred: Barred | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest cells of some queries. Call it within ``one_blas_thread``.

    Args:
        queries: (Q, D), beginning with a whole grain.
        rows: (R,) which of them, ascending.
        centroids: (C, D).
        n_probes: cells of each, at most C.
        barred: what not to look into.

    Returns:
        (R, n_probes) int32 in no order, and (R, n_probes) bool: worth looking into.
    """
    cells = np.empty((len(rows), n_probes), dtype=np.int32)
    worth = np.empty((len(rows), n_probes), dtype=bool)
    for first, last in blocks(len(queries), GRAIN):
        mine = slice(*np.searchsorted(rows, (first, last)))
        if mine.start < mine.stop:
            scores = _scores(queries, rows[mine], first, last, centroids, barred)
            at = np.argpartition(-scores, n_probes - 1, axis=1)[:, :n_probes]
            cells[mine] = at
            worth[mine] = np.take_along_axis(scores, at, axis=1) > -np.inf
    return cells, worth


def cell_places(
    queries: np.ndarray, centroids: np.ndarray, barred: Barred | None = None
) -> np.ndarray:
    """Return the place, from 0, of each cell in the order in which a query probes them.

    Returns:
        (Q, C) int32.
    """
    places = np.empty((len(queries), len(centroids)), dtype=np.int32)
    numbers = np.arange(len(centroids), dtype=np.int32)[None]
    with one_blas_thread():
        for first, last in blocks(len(queries), GRAIN):
            scores = _scores(queries, np.arange(first, last), first, last, centroids, barred)
            order = np.argsort(-scores, axis=1, kind="stable")
            np.put_along_axis(places[first:last], order, numbers, axis=1)
    return places


def _scores(
    queries: np.ndarray,
    rows: np.ndarray,
    first: int,
    last: int,
    centroids: np.ndarray,
    barred: Barred | None,
) -> np.ndarray:
    """Return the cosines of some queries of the grain first..last-1 to all centroids."""
    scores: np.ndarray = (queries[first:last] @ centroids.T)[rows - first]
    if barred is not None:
        own = barred.cell_groups == barred.groups[rows, None]
        scores[own & (barred.cell_groups != -1)] = -np.inf
    return scores
