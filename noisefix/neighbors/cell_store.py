"""The vectors of a base laid out cell by cell, in memory or in scratch files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from noisefix.neighbors.cells import Barred, nearest_cells
from noisefix.neighbors.distinct import Distinct, as_float32, unit_length
from noisefix.vectors import GRAIN, InFile, Vectors, blocks

_BLOCK = 32 * GRAIN  # rows read at once while the copy is written


class Column(Protocol):
    """Numbers of which a slice can be had: an array, or ``FileColumn``."""

    def __getitem__(self, part: slice) -> np.ndarray:
        """Return some of them."""


@dataclass(frozen=True)
class FileColumn:
    """Numbers in a file, read when asked for."""

    path: Path
    dtype: str

    @classmethod
    def write(cls, path: Path, values: np.ndarray) -> FileColumn:
        """Write an array."""
        values.tofile(path)
        return cls(path, values.dtype.str)

    def __getitem__(self, part: slice) -> np.ndarray:
        """Read the numbers first..last-1."""
        size = np.dtype(self.dtype).itemsize
        return np.fromfile(
            self.path, self.dtype, count=part.stop - part.start, offset=part.start * size
        )


@dataclass(frozen=True, eq=False)
class CellStore:
    """U distinct vectors, those of a cell together.

    Attributes:
        n_rows: B, of the base.
        centroids: (C, D) float32.
        offsets: (C + 1,) where the cells begin.
        cell_groups: (C,) the group of which all rows of a cell are, -1 = of several; None: there
            are no groups.
        vectors: (U, D) float32 of unit length (or zero), cell by cell; or ``base`` itself.
        place: (U,) rows of ``vectors``, where that is the base itself; None: it is in order.
        starts: (U + 1,) where the rows of each begin in ``members``.
        members: (B,) rows of the base.
        groups: (U,) None: there are no groups.
    """

    n_rows: int
    centroids: np.ndarray
    offsets: np.ndarray
    cell_groups: np.ndarray | None
    vectors: Vectors
    place: np.ndarray | None
    starts: Column
    members: Column
    groups: Column | None

    def barred(self, groups: np.ndarray | None) -> Barred | None:
        """Return which cells queries of some groups (Q,) need not look into."""
        if groups is None or self.cell_groups is None:
            return None
        return Barred(groups, self.cell_groups)

    def cell(self, number: int) -> np.ndarray:
        """Return the vectors of a cell, (n, D)."""
        first, last = self.offsets[number : number + 2].tolist()
        if self.place is None:
            return self.vectors.rows(first, last)
        return unit_length(as_float32(self.vectors.take(self.place[first:last])))

    def group_of(self, number: int) -> np.ndarray | None:
        """Return the groups of a cell's vectors, (n,)."""
        if self.groups is None:
            return None
        first, last = self.offsets[number : number + 2].tolist()
        return self.groups[first:last]

    def rows_of(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return where each vector's rows begin (n + 1,) in a list of rows, and the list."""
        first, last = self.offsets[number : number + 2].tolist()
        starts = self.starts[first : last + 1]
        return starts - starts[0], self.members[int(starts[0]) : int(starts[-1])]


def assign(base: Vectors, centroids: np.ndarray) -> np.ndarray:
    """Return the cell of each row of the base, (B,) int32."""
    cell = np.empty(len(base), dtype=np.int32)
    for first, last in blocks(len(base), _BLOCK):
        cell[first:last] = nearest_cells(base.rows(first, last), centroids)
    return cell


def lay_out(
    base: Vectors,
    distinct: Distinct,
    cell: np.ndarray,
    centroids: np.ndarray,
    folder: Path | None,
) -> CellStore:
    """Put the distinct vectors of a base in the order of their cells.

    Args:
        base: (B, D).
        distinct: of these rows.
        cell: (B,) from ``assign``.
        centroids: (C, D).
        folder: where the copy goes; None: no copy is made.

    Raises:
        OSError: the copy cannot be written.
    """
    order = np.lexsort((distinct.first, cell[distinct.first]))
    first = distinct.first[order]
    n_cells = len(centroids)
    counts = np.bincount(cell[first], minlength=n_cells)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    repeats = np.diff(distinct.starts)[order]
    starts = np.concatenate([[0], np.cumsum(repeats)])
    within = np.arange(len(base)) - np.repeat(starts[:-1], repeats)
    members = distinct.members[np.repeat(distinct.starts[:-1][order], repeats) + within]
    groups = None if distinct.groups is None else distinct.groups[order]
    cell_groups = None if groups is None else _cell_groups(groups, counts, offsets)
    if folder is None:
        return CellStore(
            len(base), centroids, offsets, cell_groups, base, first, starts, members, groups
        )
    return CellStore(
        len(base),
        centroids,
        offsets,
        cell_groups,
        _copy(base, first, folder / "vectors"),
        None,
        FileColumn.write(folder / "starts", starts),
        FileColumn.write(folder / "members", members),
        None if groups is None else FileColumn.write(folder / "groups", groups),
    )


def _cell_groups(groups: np.ndarray, counts: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    found = np.full(len(counts), -1, dtype=groups.dtype)
    filled = np.flatnonzero(counts)
    low = np.minimum.reduceat(groups, offsets[filled])
    high = np.maximum.reduceat(groups, offsets[filled])
    found[filled] = np.where(low == high, low, -1)
    return found


def _copy(base: Vectors, order: np.ndarray, path: Path) -> InFile:
    """Write some rows of a base, of unit length and in another order, reading it from the front."""
    dimension = base.shape[1]
    place = np.full(len(base), -1, dtype=np.int64)
    place[order] = np.arange(len(order))
    with path.open("wb") as file:
        for first, last in blocks(len(base), _BLOCK):
            mine = place[first:last]
            rows = np.flatnonzero(mine >= 0)
            rows = rows[np.argsort(mine[rows], kind="stable")]
            block = unit_length(as_float32(base.rows(first, last))[rows])
            to = mine[rows]
            ends = [*(np.flatnonzero(np.diff(to) != 1) + 1).tolist(), len(to)]
            start = 0
            for end in ends if len(to) else ():
                file.seek(4 * int(to[start]) * dimension)
                file.write(np.ascontiguousarray(block[start:end], "<f4").data)
                start = end
    return InFile(path, len(order), dimension)
