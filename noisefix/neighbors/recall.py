"""How many cells are worth probing, and how many neighbours are missed all the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from noisefix.neighbors.cell_search import CellSearch
from noisefix.neighbors.cell_store import CellStore
from noisefix.neighbors.cells import cell_places
from noisefix.neighbors.distinct import as_float32, unit_length
from noisefix.neighbors.found import Neighbors
from noisefix.vectors import Vectors

TARGET = 0.97
"""Share of the true neighbours that a search is set up to find."""

N_SAMPLED = 1000
"""Queries on which recall is measured."""

_N_LEARNED_FROM = 500
_LEAST_PROBES = 4


def tuned(
    store: CellStore,
    cell: np.ndarray,
    queries: Vectors,
    groups: np.ndarray | None,
    exclude: np.ndarray | None,
    wanted: int,
) -> CellSearch:
    """Return a search that finds ``TARGET`` of the neighbours, and knows how many it does find.

    Args:
        store: the base.
        cell: (B,) the cell of each row of the base.
        queries: (Q, D) those that will be looked up.
        groups: (Q,) their groups.
        exclude: (Q,) a row of the base that is no neighbour of each (itself), -1 = none.
        wanted: neighbours looked up for each.
    """
    n_cells = len(store.centroids)
    everywhere = CellSearch(store, wanted, n_cells)
    if n_cells == 1:
        return everywhere
    shuffled = np.random.default_rng(0).permutation(len(queries))
    learning = np.sort(shuffled[:_N_LEARNED_FROM])
    rows = np.sort(shuffled[_N_LEARNED_FROM:][:N_SAMPLED])
    rows = rows if len(rows) else learning
    both = np.concatenate([learning, rows])
    vectors, of_group = queries.take(both), None if groups is None else groups[both]
    true = everywhere.find(vectors, of_group)
    counts = _is_true(true, None if exclude is None else exclude[both])
    n = len(learning)
    barred = store.barred(None if groups is None else groups[learning])
    places = cell_places(unit_length(as_float32(vectors[:n]).copy()), store.centroids, barred)
    row, at = np.nonzero(counts[:n])
    needed = np.sort(places[row, cell[true.indices[row, at]]])
    n_probes = int(needed[int(np.ceil(TARGET * len(needed))) - 1]) + 1 if len(needed) else 1
    search = CellSearch(store, wanted, min(max(n_probes, _LEAST_PROBES), n_cells))
    found = search.find(vectors[n:], None if of_group is None else of_group[n:])
    return replace(search, recall=_recall(true.indices[n:], found.indices, counts[n:]))


def _is_true(true: Neighbors, exclude: np.ndarray | None) -> np.ndarray:
    there: np.ndarray = true.indices >= 0
    return there if exclude is None else there & (true.indices != exclude[:, None])


def _recall(true: np.ndarray, found: np.ndarray, counts: np.ndarray) -> float:
    """Return the share of the true neighbours, where ``counts``, that were found."""
    n_rows = max(int(true.max(initial=0)), int(found.max(initial=0))) + 1
    number = np.arange(len(true))[:, None] * n_rows
    hit = np.isin((true + number)[counts], (found + number)[found >= 0])
    return float(hit.mean()) if len(hit) else 1.0
