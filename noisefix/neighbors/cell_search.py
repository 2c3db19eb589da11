"""Approximate search: a query is compared with the rows of the cells nearest to it.

Within these cells the search is exact: what is found depends on which cells are probed, and on
nothing else. How many are needed is learned from queries whose true neighbours are looked up in
all cells, and how many neighbours are missed is measured on others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from noisefix.neighbors.cell_store import CellStore
from noisefix.neighbors.cells import probed_cells
from noisefix.neighbors.distinct import as_float32, unit_length
from noisefix.neighbors.exact import RANK_VALUES, ROUNDING, SLACK
from noisefix.neighbors.found import Neighbors, rank_members, stacked
from noisefix.neighbors.scan import Best
from noisefix.threads import n_threads, one_blas_thread, thread_map
from noisefix.vectors import GRAIN, blocks

_BLOCK_ROWS = 16 * GRAIN  # queries of a thread at once
_BLOCK_PAIRS = 2**22  # queries times probed cells at once: about 100 MB
_WIDER_VALUES = 2**21  # queries times candidates at once, where more candidates are needed
_TILE = 2048  # queries and vectors of a cell compared at once: 16 MB


@dataclass(frozen=True, eq=False)
class CellSearch:
    """Compares queries with the rows of some cells.

    Attributes:
        store: the base.
        wanted: neighbours of each query.
        n_probes: cells looked into for each query; more where they hold too few neighbours.
        recall: share of the true neighbours found, as measured; 1 where all cells are probed.
        on_gpu: False.
    """

    store: CellStore
    wanted: int
    n_probes: int
    recall: float = 1.0
    on_gpu: bool = False

    def find(self, queries: np.ndarray, groups: np.ndarray | None = None) -> Neighbors:
        """Return the neighbours of some queries.

        Args:
            queries: (Q, D), beginning with a whole grain.
            groups: (Q,) their groups, where the base has some.
        """
        size = min(_BLOCK_ROWS, -(-len(queries) // n_threads()))

        def search(rows: tuple[int, int]) -> Neighbors:
            part = slice(*rows)
            vectors = unit_length(as_float32(queries[part]).copy())
            return self._find(vectors, None if groups is None else groups[part])

        with one_blas_thread():
            found = thread_map(search, blocks(len(queries), size))
        return replace(stacked(found), recall=self.recall)

    def _find(self, queries: np.ndarray, groups: np.ndarray | None) -> Neighbors:
        """Search a block; then once more, and wider, for whom that was not enough."""
        n_cells = len(self.store.centroids)
        indices = np.full((len(queries), self.wanted), -1, dtype=np.int64)
        similarities = np.zeros((len(queries), self.wanted), dtype=np.float32)
        short, n_probes = np.arange(len(queries)), self.n_probes
        while len(short):
            still = []
            size = max(GRAIN, _BLOCK_PAIRS // n_probes)
            for start in range(0, len(short), size):
                rows = short[start : start + size]
                found = self._look_into_cells(queries, groups, rows, n_probes)
                indices[rows], similarities[rows] = found.indices, found.similarities
                still.append(rows[found.indices[:, -1] < 0])
            if n_probes == n_cells:
                break
            short, n_probes = np.concatenate(still), min(4 * n_probes, n_cells)
        return Neighbors(indices, similarities)

    def _look_into_cells(
        self, queries: np.ndarray, groups: np.ndarray | None, rows: np.ndarray, n_probes: int
    ) -> Neighbors:
        """Find the exact neighbours of some queries in the cells nearest to each."""
        barred = self.store.barred(groups)
        cells, worth = probed_cells(queries, rows, self.store.centroids, n_probes, barred)
        block = _Block(self.store, queries[rows], None if groups is None else groups[rows])
        n_best = self.wanted + SLACK
        found, unsure = block.search(np.arange(len(rows)), cells, worth, n_best, self.wanted)
        for _ in range(3):
            n_best *= 4
            still, size = [unsure[:0]], max(1, _WIDER_VALUES // n_best)
            for start in range(0, len(unsure), size):
                part = unsure[start : start + size]
                again, unsettled = block.search(part, cells, worth, n_best, self.wanted)
                found.indices[part], found.similarities[part] = again.indices, again.similarities
                still.append(unsettled)
            unsure = np.concatenate(still)
        return found


@dataclass(frozen=True, eq=False)
class _Tile:
    """Some vectors of a cell."""

    vectors: np.ndarray  # (n, D) float32 of unit length
    groups: np.ndarray | None  # (n,)
    offset: int  # the number of the first among all U


@dataclass(frozen=True, eq=False)
class _Block:
    """Some queries, and where they look."""

    store: CellStore
    queries: np.ndarray  # (Q, D) float32 of unit length
    groups: np.ndarray | None  # (Q,)

    def search(
        self, which: np.ndarray, cells: np.ndarray, worth: np.ndarray, n_best: int, wanted: int
    ) -> tuple[Neighbors, np.ndarray]:
        """Return the neighbours of some queries, and which of them a further candidate may change.

        Args:
            which: (R,) queries.
            cells: (Q, P) the cells of each.
            worth: (Q, P) bool: those to look into.
            n_best: candidates kept of each query while cells are scanned.
            wanted: k.
        """
        best = Best.none_yet(len(which), n_best)
        row, at = np.nonzero(worth[which])
        for cell, mine in _by_cell(cells[which[row], at], row):
            vectors, groups = self.store.cell(cell), self.store.group_of(cell)
            for first in range(0, len(vectors), _TILE):
                part = slice(first, first + _TILE)
                tile = _Tile(
                    vectors[part],
                    None if groups is None else groups[part],
                    int(self.store.offsets[cell]) + first,
                )
                for start in range(0, len(mine), _TILE):
                    self._scan(best, which, mine[start : start + _TILE], tile)
        row, at = np.nonzero(best.indices >= 0)
        slot = best.indices[row, at]
        cell_of_slot = np.searchsorted(self.store.offsets, slot, side="right") - 1
        pairs = [
            self._exact(which[row[mine]], row[mine], slot[mine], cell, wanted)
            for cell, mine in _by_cell(cell_of_slot, np.arange(len(slot)))
        ]
        if not pairs:
            empty = np.zeros(0, dtype=np.int64)
            pairs = [(empty, empty, np.zeros(0, dtype=np.float32))]
        rows, members, cosines = (np.concatenate(column) for column in zip(*pairs, strict=True))
        found, _ = rank_members(rows, members, cosines, len(which), wanted)
        is_open = found.similarities[:, -1] < best.scores.min(axis=1) + ROUNDING
        return found, which[is_open]

    def _scan(self, best: Best, which: np.ndarray, mine: np.ndarray, tile: _Tile) -> None:
        """Compare some queries with some vectors; ``mine`` are rows of ``best``, ascending."""
        scores = self.queries[which[mine]] @ tile.vectors.T  # (M, n)
        bound = best.scores[mine].min(axis=1)
        fresh = np.flatnonzero(bound == -np.inf)  # everything would be better than nothing
        if len(fresh):
            scores[fresh] = self._best_only(
                scores[fresh], which[mine[fresh]], tile.groups, best.scores.shape[1]
            )
        row, column = np.divmod(np.flatnonzero(scores > bound[:, None]), scores.shape[1])
        if tile.groups is not None and self.groups is not None:
            other = tile.groups[column] != self.groups[which[mine[row]]]
            row, column = row[other], column[other]
        best.merge(mine[row], column + tile.offset, scores[row, column])

    def _best_only(
        self, scores: np.ndarray, queries: np.ndarray, groups: np.ndarray | None, n_best: int
    ) -> np.ndarray:
        """Put -inf for scores within the query's own group, and for all but the best."""
        if groups is not None and self.groups is not None:
            scores[self.groups[queries, None] == groups] = -np.inf
        if scores.shape[1] <= n_best:
            return scores
        at = np.argpartition(-scores, n_best - 1, axis=1)[:, :n_best]
        kept = np.full_like(scores, -np.inf)
        np.put_along_axis(kept, at, np.take_along_axis(scores, at, axis=1), axis=1)
        return kept

    def _exact(
        self, query: np.ndarray, row: np.ndarray, slot: np.ndarray, cell: int, wanted: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the rows of the base that candidates of one cell stand for, with exact cosines."""
        vectors = self.store.cell(cell)
        starts, members = self.store.rows_of(cell)
        at = slot - self.store.offsets[cell]
        cosines = np.empty(len(slot), dtype=np.float32)
        size = max(1, RANK_VALUES // vectors.shape[1])
        for start in range(0, len(slot), size):
            part = slice(start, start + size)
            cosines[part] = np.einsum(  # never BLAS: a sum whose order no block size changes
                "pd,pd->p", vectors[at[part]], self.queries[query[part]], optimize=False
            )
        repeats = np.minimum(np.diff(starts)[at], wanted)
        within = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        member = members[np.repeat(starts[:-1][at], repeats) + within]
        return np.repeat(row, repeats), member, np.clip(np.repeat(cosines, repeats), -1, 1)


def _by_cell(cells: np.ndarray, values: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Group values by the cell beside them; their order stays."""
    if not len(cells):
        return []
    order = np.argsort(cells, kind="stable")
    used, starts = np.unique(cells[order], return_index=True)
    return list(zip(used.tolist(), np.split(values[order], starts[1:]), strict=True))
