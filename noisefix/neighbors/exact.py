"""Exact search: every query against every row of the base."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from noisefix.neighbors.distinct import Distinct, distinct_vectors, find_distinct
from noisefix.neighbors.found import Neighbors, nearest_of, rank_members
from noisefix.neighbors.scan import Best, scan, scan_all_pairs, scan_torch
from noisefix.vectors import InMemory, Vectors

SLACK = 8  # candidates beyond what is asked for, ranked exactly
ROUNDING = 2e-6  # by which two ways to sum one float32 cosine can differ
RANK_VALUES = 2**23  # numbers gathered at once while ranking: 32 MB
_BASE_ROWS = {"cpu": 100_000}  # of the base, searched at once
_GPU_BASE_ROWS = 1_000_000


@dataclass(frozen=True, eq=False)
class _Side:
    """The distinct vectors of queries or base."""

    rows: Distinct
    vectors: np.ndarray  # (U, D) float32 unit length


@dataclass(frozen=True, eq=False)
class ExactSearch:
    """Compares queries with all of the base, a part of it at a time.

    Attributes:
        base: (B, D).
        groups: (B,) ids; base rows of a query's own group are not found.
        wanted: neighbours of each query.
        device: "cpu", or what torch calls a device.
        recall: 1.
    """

    base: Vectors
    groups: np.ndarray | None
    wanted: int
    device: str = "cpu"
    recall: float = 1.0

    @property
    def on_gpu(self) -> bool:
        """Say whether the device is none of the CPU's."""
        return self.device != "cpu"

    def find(self, queries: np.ndarray, groups: np.ndarray | None = None) -> Neighbors:
        """Return the neighbours of some queries.

        Args:
            queries: (Q, D).
            groups: (Q,) their groups, where the base has some.
        """
        q = _side(InMemory(queries), groups)
        size = _BASE_ROWS.get(self.device, _GPU_BASE_ROWS)
        parts = []
        for first in range(0, len(self.base), size):
            last = min(first + size, len(self.base))
            part = InMemory(self.base.rows(first, last))
            b = _side(part, None if self.groups is None else self.groups[first:last])
            found = _search(q, b, self.wanted, self.device)
            indices = np.where(found.indices >= 0, found.indices + first, -1)
            parts.append(Neighbors(indices, found.similarities))
        return _of_rows(nearest_of(parts, self.wanted), q)

    def find_all(self) -> Neighbors:
        """Return the neighbours of all rows of the base: half the work of looking each one up."""
        b = _side(self.base, self.groups)
        return _of_rows(_search(b, b, self.wanted, self.device), b)


def _side(rows: Vectors, groups: np.ndarray | None) -> _Side:
    distinct = find_distinct(rows, groups)
    return _Side(distinct, distinct_vectors(rows, distinct))


def _of_rows(found: Neighbors, q: _Side) -> Neighbors:
    """Turn what was found for distinct queries into what was found for all."""
    position = q.rows.position
    return Neighbors(found.indices[position], found.similarities[position])


def _search(q: _Side, b: _Side, wanted: int, device: str) -> Neighbors:
    """Find the neighbours of distinct queries, (U, wanted)."""
    n_best = wanted + SLACK
    scan_queries = scan if device == "cpu" else partial(scan_torch, device=device)
    if q is b and device == "cpu":
        best = scan_all_pairs(b.vectors, n_best)
    else:
        best = scan_queries(q.vectors, b.vectors, n_best)
    every = np.arange(len(q.vectors))
    indices, similarities, unsure = _rank(q, b, every, best, wanted)
    for _ in range(3):
        if not len(unsure) or n_best >= len(b.vectors):
            break
        n_best = min(4 * n_best, len(b.vectors))
        again = scan_queries(q.vectors[unsure], b.vectors, n_best)
        indices[unsure], similarities[unsure], still = _rank(q, b, unsure, again, wanted)
        unsure = still
    return Neighbors(indices, similarities)


def _rank(
    q: _Side, b: _Side, which: np.ndarray, best: Best, wanted: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn candidates among distinct vectors into ranked base rows.

    Returns:
        Indices and similarities (len(which), wanted), and those of ``which`` whose result a
        further candidate could change.
    """
    n_best = best.indices.shape[1]
    indices = np.full((len(which), wanted), -1, dtype=np.int64)
    similarities = np.zeros((len(which), wanted), dtype=np.float32)
    unsure = np.zeros(len(which), dtype=bool)
    block = max(1, RANK_VALUES // (n_best * q.vectors.shape[1]))
    for start in range(0, len(which), block):
        rows = slice(start, start + block)
        candidates = best.indices[rows]  # (R, n_best)
        cosines = np.einsum(  # never BLAS: a sum whose order no block size changes
            "rcd,rd->rc", b.vectors[candidates], q.vectors[which[rows]], optimize=False
        )
        usable = candidates >= 0
        if q.rows.groups is not None and b.rows.groups is not None:
            usable &= b.rows.groups[candidates] != q.rows.groups[which[rows]][:, None]
        counts = np.where(usable, np.minimum(np.diff(b.rows.starts)[candidates], wanted), 0)
        row, at = np.nonzero(usable)
        repeats = counts[row, at]
        slot = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        row, at = np.repeat(row, repeats), np.repeat(at, repeats)
        member = b.rows.members[b.rows.starts[candidates[row, at]] + slot]
        cosine = np.clip(cosines[row, at], -1, 1)
        ranked, n_found = rank_members(row, member, cosine, len(candidates), wanted)
        indices[rows], similarities[rows] = ranked.indices, ranked.similarities
        worst = ranked.similarities[:, -1]
        unsure[rows] = (n_found < wanted) | (worst < best.scores[rows].min(axis=1) + ROUNDING)
    return indices, similarities, which[unsure]
