"""N vectors that lie in memory or in a file, read a block of rows at a time.

What works on ``Vectors`` never needs all of them at once. Sums over rows stay the same bytes
however many rows are read at once, if they are made of sums over grains of ``GRAIN`` rows, added in
order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import RawIOBase
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np

_GAP = 8  # rows that are read for nothing rather than sought past

GRAIN = 1000
"""Rows of the smallest piece of work; blocks and shards are whole grains, but for the last."""


class Vectors(Protocol):
    """N rows of D float32 values."""

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""

    def __len__(self) -> int:
        """Return N."""

    def rows(self, first: int, last: int) -> np.ndarray:
        """Return the rows first..last-1, (last - first, D) float32; not to be written to."""

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return a copy of some rows in the order given, (R, D) float32."""


@dataclass(frozen=True, eq=False)
class InMemory:
    """Vectors in an array."""

    matrix: np.ndarray  # (N, D) float32

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""
        n_rows, dimension = self.matrix.shape
        return n_rows, dimension

    def __len__(self) -> int:
        return len(self.matrix)

    def rows(self, first: int, last: int) -> np.ndarray:
        """Return a view of the rows first..last-1."""
        return self.matrix[first:last]

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return a copy of some rows."""
        found: np.ndarray = self.matrix[rows]
        return found


@dataclass(frozen=True)
class InFile:
    """Vectors in a file of little-endian float32 values, row after row, and nothing else.

    Only what is asked for is read, and nothing is kept open, so that another process may be given
    one as it is. The file is not mapped into memory: pages of a map count as the process's own.
    """

    path: Path
    n_rows: int
    dimension: int

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""
        return self.n_rows, self.dimension

    def __len__(self) -> int:
        return self.n_rows

    def rows(self, first: int, last: int) -> np.ndarray:
        """Read the rows first..last-1."""
        first, last, _ = slice(first, last).indices(self.n_rows)
        found = np.fromfile(
            self.path,
            "<f4",
            count=max(last - first, 0) * self.dimension,
            offset=4 * first * self.dimension,
        )
        return found.reshape(-1, self.dimension)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Read some rows; those that lie close together at once."""
        wanted, place = np.unique(np.asarray(rows, np.int64), return_inverse=True)
        if len(wanted) and not 0 <= wanted[0] <= wanted[-1] < self.n_rows:
            raise IndexError(f"rows {wanted[0]}..{wanted[-1]} of {self.n_rows}")
        found = np.empty((len(wanted), self.dimension), "<f4")
        far_apart = np.flatnonzero(np.diff(wanted) > _GAP) + 1
        ends = np.union1d(far_apart, np.arange(GRAIN, len(wanted), GRAIN))
        with self.path.open("rb", buffering=0) as file:
            for start, end in pairwise([0, *ends.tolist(), len(wanted)] if len(wanted) else []):
                first, last = int(wanted[start]), int(wanted[end - 1]) + 1
                run = np.empty((last - first, self.dimension), "<f4")
                file.seek(4 * first * self.dimension)
                _fill(file, run)
                found[start:end] = run[wanted[start:end] - first]
        if len(place) == len(wanted) and np.array_equal(place, np.arange(len(place))):
            return found
        taken: np.ndarray = found[place]
        return taken


@dataclass(frozen=True, eq=False)
class SomeRows:
    """Some rows of other vectors, in the order given."""

    source: Vectors
    which: np.ndarray  # (N,) rows of the source

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""
        return len(self.which), self.source.shape[1]

    def __len__(self) -> int:
        return len(self.which)

    def rows(self, first: int, last: int) -> np.ndarray:
        """Return the rows first..last-1."""
        return self.source.take(self.which[first:last])

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return some rows."""
        return self.source.take(self.which[rows])


def mean_of(vectors: Vectors) -> np.ndarray:
    """Return the mean of N vectors, (D,) float64; zeros of none."""
    total = np.zeros(vectors.shape[1])
    for first, last in blocks(len(vectors)):
        block = vectors.rows(first, last)
        for start in range(0, len(block), GRAIN):
            total += block[start : start + GRAIN].sum(axis=0, dtype=np.float64)
    return total / max(len(vectors), 1)


def as_vectors(matrix: Vectors | np.ndarray) -> Vectors:
    """Return an array as ``Vectors``, and what is ``Vectors`` already as it is."""
    return InMemory(matrix) if isinstance(matrix, np.ndarray) else matrix


def blocks(n_rows: int, size: int = 16 * GRAIN) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of blocks of rows in order.

    Args:
        n_rows: N.
        size: rows of a block, rounded up to whole grains.
    """
    size = max(-(-size // GRAIN), 1) * GRAIN
    for first in range(0, n_rows, size):
        yield first, min(first + size, n_rows)


def write_vectors(path: Path, parts: Iterable[np.ndarray], dimension: int) -> InFile:
    """Write vectors for ``InFile``, right to ``path``.

    Args:
        path: the file to make.
        parts: (n, D) matrices, one after the other.
        dimension: D.

    Raises:
        OSError: they cannot be written.
    """
    n_rows = 0
    with path.open("wb") as file:
        for part in parts:
            file.write(np.ascontiguousarray(part, "<f4").data)
            n_rows += len(part)
    return InFile(path, n_rows, dimension)


def _fill(file: RawIOBase, found: np.ndarray) -> None:
    """Read until an array is full: one call may read less than was asked for."""
    space = found.data.cast("B")
    while space:
        n_read = file.readinto(space)
        if not n_read:
            raise OSError("the file of vectors is cut short")
        space = space[n_read:]
