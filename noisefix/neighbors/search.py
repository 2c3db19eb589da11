"""Exact nearest neighbours by cosine.

Exact at every size; embedding the texts takes longer. A graph index would be one more dependency,
and lose neighbours. The time grows with the square of the rows: beyond some 300,000 a GPU is the
remedy.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from noisefix.errors import DataError
from noisefix.hardware import choose_device
from noisefix.neighbors.scan import Best, scan, scan_all_pairs, scan_torch

_SLACK = 8  # candidates beyond what is asked for, ranked exactly
_ROUNDING = 2e-6  # by which two ways to sum one float32 cosine can differ
_GPU_FROM = 4e12  # multiplications: about 15 s on two cores
_RANK_VALUES = 2**23  # numbers gathered at once while ranking: 32 MB


@dataclass(frozen=True)
class Neighbors:
    """Neighbours of Q rows, the nearest first; of equal ones, the lower index first."""

    indices: np.ndarray  # (Q, k) int64 into the base; -1 where fewer exist
    similarities: np.ndarray  # (Q, k) float32 cosines in [-1, 1]; 0 where index is -1


@dataclass(frozen=True)
class _Distinct:
    """Rows with each distinct vector (of each group) once, in random order."""

    vectors: np.ndarray  # (U, D) float32 unit length
    groups: np.ndarray | None  # (U,)
    position: np.ndarray  # (N,) which of the U a row is
    members: np.ndarray  # (N,) rows, those of each of the U together, ascending
    starts: np.ndarray  # (U + 1,) where they begin in members


def nearest(
    queries: np.ndarray,
    base: np.ndarray,
    n_neighbors: int,
    *,
    exclude: np.ndarray | None = None,
    query_groups: np.ndarray | None = None,
    base_groups: np.ndarray | None = None,
    device: str = "auto",
) -> Neighbors:
    """Find the base rows with the largest cosine to each query.

    The result depends neither on block sizes nor on threads: candidates of a blocked scan are
    ranked again by a sum of fixed order, and scanned further where the scan's rounding could have
    lost one. Equal vectors are scanned once. Pass the same array twice where queries are the base:
    it halves the work.

    Args:
        queries: (Q, D) vectors of any length but usually 1; a zero vector has cosine 0 to all.
        base: (B, D) vectors.
        n_neighbors: k, at least 1.
        exclude: (Q,) index in base that is not to be returned (the row itself); -1: none.
        query_groups: (Q,) ids; base rows with the same id in ``base_groups`` are not returned.
        base_groups: (B,) ids.
        device: "cpu"; "cuda" or "mps" through torch; "auto": a GPU when there is one and the work
            would take long without.

    Raises:
        DataError: shapes that do not fit, or no neighbours asked for.
        ModelError: the device is not there.
    """
    if queries.ndim != 2 or base.ndim != 2 or queries.shape[1] != base.shape[1]:
        raise DataError(f"queries {queries.shape} and base {base.shape} are not of one width")
    if n_neighbors < 1:
        raise DataError(f"{n_neighbors} neighbours asked for")
    if (query_groups is None) != (base_groups is None):
        raise DataError("groups are needed of both queries and base, or of none")
    if not len(base):
        shape = (len(queries), n_neighbors)
        return Neighbors(np.full(shape, -1, np.int64), np.zeros(shape, np.float32))
    same = queries is base and query_groups is base_groups
    b = _distinct(base, base_groups)
    q = b if same else _distinct(queries, query_groups)
    wanted = n_neighbors + (exclude is not None)
    n_best = wanted + _SLACK
    device = _choose_device(device, len(q.vectors) * len(b.vectors) * base.shape[1])
    scan_queries = scan if device == "cpu" else partial(scan_torch, device=device)
    if same and device == "cpu":
        best = scan_all_pairs(b.vectors, n_best)
    else:
        best = scan_queries(q.vectors, b.vectors, n_best)
    indices, similarities, unsure = _rank(q, b, np.arange(len(q.vectors)), best, wanted)
    for _ in range(3):
        if not len(unsure) or n_best >= len(b.vectors):
            break
        n_best = min(4 * n_best, len(b.vectors))
        again = scan_queries(q.vectors[unsure], b.vectors, n_best)
        indices[unsure], similarities[unsure], still = _rank(q, b, unsure, again, wanted)
        unsure = still
    indices, similarities = indices[q.position], similarities[q.position]
    if exclude is not None:
        indices, similarities = _drop(indices, similarities, exclude)
    return Neighbors(indices, similarities)


def _choose_device(device: str, work: float) -> str:
    if device == "cpu" or (device == "auto" and work < _GPU_FROM):
        return "cpu"  # and torch need not be imported
    found = choose_device(device)
    return "cpu" if device == "auto" and found != "cuda" else found


def _distinct(rows: np.ndarray, groups: np.ndarray | None) -> _Distinct:
    rows = np.ascontiguousarray(rows, dtype=np.float32)
    key = _row_hashes(rows)
    if groups is not None:
        key += _scramble(np.unique(groups, return_inverse=True)[1].astype(np.uint64))
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    order = np.random.default_rng(0).permutation(len(first))
    first = first[order]
    position = np.argsort(order)[inverse]
    vectors = rows[first]
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    vectors /= np.where(lengths > 0, lengths, 1)[:, None]
    return _Distinct(
        vectors,
        None if groups is None else groups[first],
        position,
        np.argsort(position, kind="stable"),
        np.concatenate([[0], np.cumsum(np.bincount(position, minlength=len(first)))]),
    )


def _row_hashes(rows: np.ndarray) -> np.ndarray:
    """Return (N,) uint64: equal for equal rows, else different but for odds of 2**-64 a pair."""
    salts = _scramble(np.arange(1, rows.shape[1] + 1, dtype=np.uint64))
    hashes = np.zeros(len(rows), dtype=np.uint64)
    for start in range(0, len(rows), 4096):
        bits = (rows[start : start + 4096] + np.float32(0)).view(np.uint32).astype(np.uint64)
        hashes[start : start + 4096] = _scramble(bits ^ salts).sum(axis=1, dtype=np.uint64)
    return hashes


def _scramble(values: np.ndarray) -> np.ndarray:
    """Spread the bits of each value over all 64 (the finaliser of splitmix64)."""
    values = values * np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    scrambled: np.ndarray = values ^ (values >> np.uint64(31))
    return scrambled


def _rank(
    q: _Distinct, b: _Distinct, which: np.ndarray, best: Best, wanted: int
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
    block = max(1, _RANK_VALUES // (n_best * q.vectors.shape[1]))
    for start in range(0, len(which), block):
        rows = slice(start, start + block)
        candidates = best.indices[rows]  # (R, n_best)
        cosines = np.einsum(  # never BLAS: a sum whose order no block size changes
            "rcd,rd->rc", b.vectors[candidates], q.vectors[which[rows]], optimize=False
        )
        usable = candidates >= 0
        if q.groups is not None and b.groups is not None:
            usable &= b.groups[candidates] != q.groups[which[rows]][:, None]
        counts = np.where(usable, np.minimum(np.diff(b.starts)[candidates], wanted), 0)
        row, at = np.nonzero(usable)
        repeats = counts[row, at]
        slot = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        row, at = np.repeat(row, repeats), np.repeat(at, repeats)
        member = b.members[b.starts[candidates[row, at]] + slot]
        cosine = np.clip(cosines[row, at], -1, 1)
        order = np.lexsort((member, -cosine, row))
        row, member, cosine = row[order], member[order], cosine[order]
        n_found = np.bincount(row, minlength=len(candidates))
        place = np.arange(len(row)) - np.repeat(np.cumsum(n_found) - n_found, n_found)
        top = place < wanted
        indices[start + row[top], place[top]] = member[top]
        similarities[start + row[top], place[top]] = cosine[top]
        worst = similarities[rows, -1]
        unsure[rows] = (n_found < wanted) | (worst < best.scores[rows].min(axis=1) + _ROUNDING)
    return indices, similarities, which[unsure]


def _drop(
    indices: np.ndarray, similarities: np.ndarray, exclude: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Remove one base row from each list, else the last entry."""
    drop = indices == exclude[:, None]
    drop[:, -1] |= ~drop.any(axis=1)
    drop &= np.cumsum(drop, axis=1) == 1
    shape = (len(indices), indices.shape[1] - 1)
    return indices[~drop].reshape(shape), similarities[~drop].reshape(shape)
