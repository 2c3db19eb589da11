"""Which rows have equal vectors: they are searched once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisefix.threads import thread_map
from noisefix.vectors import Vectors, blocks

_HASH_ROWS = 256  # hashed at once, as 64-bit values: 1 MB, which stays in the cache


@dataclass(frozen=True)
class Distinct:
    """Which of N rows have equal vectors (and, where there are groups, one group).

    Attributes:
        first: (U,) the first row of each distinct vector, in random order.
        position: (N,) which of the U a row has.
        members: (N,) rows, those of each of the U together, ascending.
        starts: (U + 1,) where they begin in ``members``.
        groups: (U,) their groups; None: there are none.
    """

    first: np.ndarray
    position: np.ndarray
    members: np.ndarray
    starts: np.ndarray
    groups: np.ndarray | None


def find_distinct(rows: Vectors, groups: np.ndarray | None) -> Distinct:
    """Find the distinct vectors of N rows.

    Args:
        rows: (N, D).
        groups: (N,) ids: equal vectors of different groups count as different.
    """
    key = np.empty(len(rows), dtype=np.uint64)
    for first, last in blocks(len(rows)):
        key[first:last] = _row_hashes(as_float32(rows.rows(first, last)))
    if groups is not None:
        key += _scramble(np.unique(groups, return_inverse=True)[1].astype(np.uint64))
    _, firsts, inverse = np.unique(key, return_index=True, return_inverse=True)
    order = np.random.default_rng(0).permutation(len(firsts))
    firsts = firsts[order]
    position = np.argsort(order)[inverse]
    counts = np.bincount(position, minlength=len(firsts))
    return Distinct(
        firsts,
        position,
        np.argsort(position, kind="stable"),
        np.concatenate([[0], np.cumsum(counts)]),
        None if groups is None else groups[firsts],
    )


def distinct_vectors(rows: Vectors, distinct: Distinct) -> np.ndarray:
    """Return the distinct vectors, (U, D) float32 of unit length (or zero)."""
    return unit_length(as_float32(rows.take(distinct.first)))


def unit_length(vectors: np.ndarray) -> np.ndarray:
    """Divide each row of (N, D) float32 by its length, in place; zero vectors stay."""
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    vectors /= np.where(lengths > 0, lengths, 1)[:, None]
    return vectors


def as_float32(rows: np.ndarray) -> np.ndarray:
    """Return rows as float32, contiguous; the same array where they are so already."""
    return np.ascontiguousarray(rows, dtype=np.float32)


def _row_hashes(rows: np.ndarray) -> np.ndarray:
    """Return (N,) uint64: equal for equal rows, else different but for odds of 2**-64 a pair."""
    salts = _scramble(np.arange(1, rows.shape[1] + 1, dtype=np.uint64))
    hashes = np.zeros(len(rows), dtype=np.uint64)

    def hash_some(start: int) -> None:
        bits = (rows[start : start + _HASH_ROWS] + np.float32(0)).view(np.uint32)
        scrambled = _scramble(bits.astype(np.uint64) ^ salts)
        hashes[start : start + _HASH_ROWS] = scrambled.sum(axis=1, dtype=np.uint64)

    thread_map(hash_some, range(0, len(rows), _HASH_ROWS))
    return hashes


def _scramble(values: np.ndarray) -> np.ndarray:
    """Spread the bits of each value over all 64 (the finaliser of splitmix64)."""
    values = values * np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    scrambled: np.ndarray = values ^ (values >> np.uint64(31))
    return scrambled
