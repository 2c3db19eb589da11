"""Scan all pairs of unit vectors for the largest cosines: in NumPy, or with torch on a GPU.

Each query keeps its best ``n_best`` so far; a block of cosines is compared with the worst of them,
which leaves so few survivors that keeping order costs little beside the matrix products. When
queries and base are the same rows, each block serves both its rows and its columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from noisefix.threads import one_blas_thread, thread_map

_BLOCK = 2048  # rows and columns of a block of cosines: 16 MB a thread
_FIRST = 512  # columns of the first block, which is partitioned instead of compared
_GPU_VALUES = 2**28  # cosines held at once on a GPU: 1 GB


@dataclass
class Best:
    """The best columns found so far for each query, in no order."""

    indices: np.ndarray  # (Q, n_best) int32, -1 = none
    scores: np.ndarray  # (Q, n_best) float32 cosines, -inf = none

    @classmethod
    def none_yet(cls, n_queries: int, n_best: int) -> Best:
        """Start with nothing."""
        shape = (n_queries, n_best)
        return cls(np.full(shape, -1, np.int32), np.full(shape, -np.inf, np.float32))

    def rows(self, first: int, last: int) -> Best:
        """Return a view of some of the queries."""
        return Best(self.indices[first:last], self.scores[first:last])

    def start(self, scores: np.ndarray, offset: int) -> None:
        """Take the best of a first block of scores (Q, B), whose columns begin at ``offset``."""
        n_best = min(self.scores.shape[1], scores.shape[1])
        if not n_best:
            return
        order = np.argpartition(-scores, n_best - 1, axis=1)[:, :n_best]
        self.indices[:, :n_best] = order + offset
        self.scores[:, :n_best] = np.take_along_axis(scores, order, axis=1)

    def merge(self, row: np.ndarray, column: np.ndarray, score: np.ndarray) -> None:
        """Take in further scores, given one by one; ``row`` ascends."""
        if not len(row):
            return
        n_best = self.scores.shape[1]
        rows, first, counts = np.unique(row, return_index=True, return_counts=True)
        shape = (len(rows), n_best + int(counts.max()))
        scores = np.full(shape, -np.inf, np.float32)
        indices = np.full(shape, -1, np.int32)
        scores[:, :n_best], indices[:, :n_best] = self.scores[rows], self.indices[rows]
        at = (
            np.repeat(np.arange(len(rows)), counts),
            n_best + np.arange(len(row)) - np.repeat(first, counts),
        )
        scores[at], indices[at] = score, column
        order = np.argpartition(-scores, n_best - 1, axis=1)[:, :n_best]
        self.scores[rows] = np.take_along_axis(scores, order, axis=1)
        self.indices[rows] = np.take_along_axis(indices, order, axis=1)


def scan(queries: np.ndarray, base: np.ndarray, n_best: int) -> Best:
    """Return the ``n_best`` largest cosines of every query.

    Args:
        queries: (Q, D) float32 unit vectors.
        base: (B, D) float32 unit vectors, in random order (sorted ones only cost time).
        n_best: at least 1.
    """
    best = Best.none_yet(len(queries), n_best)
    columns = list(pairwise([0, *range(min(_FIRST, len(base)), len(base), _BLOCK), len(base)]))

    def scan_rows(rows: tuple[int, int]) -> None:
        mine = best.rows(*rows)
        block = queries[slice(*rows)]
        for first, last in columns:
            scores = block @ base[first:last].T
            if first == 0:
                mine.start(scores, 0)
                continue
            hits = np.flatnonzero(scores > mine.scores.min(axis=1)[:, None])
            row, column = np.divmod(hits, last - first)
            mine.merge(row, column + first, scores.ravel()[hits])

    with one_blas_thread():
        thread_map(scan_rows, _blocks(len(queries)))
    return best


def scan_all_pairs(base: np.ndarray, n_best: int) -> Best:
    """Do ``scan(base, base, n_best)`` with half the products; every row finds itself too."""
    best = Best.none_yet(len(base), n_best)
    blocks = _blocks(len(base))

    def scan_own(rows: tuple[int, int]) -> None:
        block = base[slice(*rows)]
        best.rows(*rows).start(block @ block.T, rows[0])

    def scan_pair(pair: tuple[int, int]) -> None:
        rows, columns = blocks[pair[0]], blocks[pair[1]]
        of_rows, of_columns = best.rows(*rows), best.rows(*columns)
        scores = base[slice(*rows)] @ base[slice(*columns)].T
        width = columns[1] - columns[0]
        hits = np.flatnonzero(scores > of_rows.scores.min(axis=1)[:, None])
        row, column = np.divmod(hits, width)
        of_rows.merge(row, column + columns[0], scores.ravel()[hits])
        hits = np.flatnonzero(scores > of_columns.scores.min(axis=1)[None, :])
        row, column = np.divmod(hits, width)
        order = np.argsort(column, kind="stable")
        of_columns.merge(column[order], row[order] + rows[0], scores.ravel()[hits[order]])

    with one_blas_thread():
        thread_map(scan_own, blocks)
        for pairs in _rounds(len(blocks)):
            thread_map(scan_pair, pairs)
    return best


def scan_torch(queries: np.ndarray, base: np.ndarray, n_best: int, device: str) -> Best:
    """Do ``scan`` with torch on a device, in full float32."""
    import torch

    best = Best.none_yet(len(queries), n_best)
    width = max(_GPU_VALUES // _BLOCK, n_best)
    on_device = torch.from_numpy(base).to(device)
    for first in range(0, len(queries), _BLOCK):
        block = torch.from_numpy(queries[first : first + _BLOCK]).to(device)
        values, indices = [], []
        for start in range(0, len(base), width):
            scores = block @ on_device[start : start + width].T  # (Q, B)
            top = scores.topk(min(n_best, scores.shape[1]), dim=1, sorted=False)
            values.append(top.values)
            indices.append(top.indices + start)
        value, index = torch.cat(values, dim=1), torch.cat(indices, dim=1)
        top = value.topk(min(n_best, value.shape[1]), dim=1, sorted=False)
        mine = best.rows(first, first + _BLOCK)
        mine.scores[:, : top.values.shape[1]] = top.values.cpu().numpy()
        mine.indices[:, : top.values.shape[1]] = index.gather(1, top.indices).cpu().numpy()
    return best


def _blocks(n_rows: int) -> list[tuple[int, int]]:
    """Cut the rows into blocks; small inputs too, so that every core has some."""
    size = min(_BLOCK, max(256, -(-n_rows // 8)))
    return [(first, min(first + size, n_rows)) for first in range(0, n_rows, size)]


def _rounds(n: int) -> list[list[tuple[int, int]]]:
    """Pair every two of n blocks once, in rounds in which no block plays twice (circle method)."""
    even = n + n % 2
    rounds = []
    for turn in range(even - 1):
        ring = [0, *(1 + (i + turn) % (even - 1) for i in range(even - 1))]
        pairs = [sorted((ring[i], ring[-1 - i])) for i in range(even // 2)]
        rounds.append([(a, b) for a, b in pairs if b < n])
    return rounds
