"""Rows of a matrix that is a map of a file, fetched before they are needed.

The system reads ahead of whoever touches a map, by megabytes: right for a pass through the file,
and a hundred times too much for rows here and there. So it is told which of the two comes. A matrix
in memory is left alone, as is everything where the system cannot be told.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

_CAN_TELL = hasattr(mmap, "MADV_WILLNEED")


class Paging:
    """What the system is told of a matrix."""

    def __init__(self, matrix: np.ndarray | None) -> None:
        """Take a C-ordered (N, D) matrix; None: there is none to tell of."""
        self._map = _map_of(matrix) if _CAN_TELL else None
        if matrix is not None and self._map is not None:
            self._start = matrix.ctypes.data - np.frombuffer(self._map, np.uint8).ctypes.data
            self._row_bytes = matrix.strides[0]

    @contextmanager
    def at_random(self) -> Iterator[None]:
        """Read nothing ahead within the block but what ``fetch`` names."""
        if self._map is None:
            yield
            return
        self._map.madvise(mmap.MADV_RANDOM)
        try:
            yield
        finally:
            self._map.madvise(mmap.MADV_NORMAL)

    def fetch(self, rows: np.ndarray) -> None:
        """Have rows read, in any order, by as few readings as there are runs of neighbours."""
        if self._map is None or not len(rows):
            return
        wanted = np.unique(rows)
        ends = np.flatnonzero(np.diff(wanted) > 1)
        firsts = wanted[np.concatenate(([0], ends + 1))]
        lasts = wanted[np.concatenate((ends, [len(wanted) - 1]))]
        starts = self._start + firsts * self._row_bytes
        starts -= starts % mmap.PAGESIZE
        sizes = self._start + (lasts + 1) * self._row_bytes - starts
        for start, size in zip(starts.tolist(), sizes.tolist(), strict=True):
            self._map.madvise(mmap.MADV_WILLNEED, start, size)


def rows_of(matrix: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return a copy of some rows of a matrix, in the order given."""
    paging = Paging(matrix)
    with paging.at_random():
        paging.fetch(rows)
        found: np.ndarray = matrix[rows]
        return found


def _map_of(array: np.ndarray | None) -> mmap.mmap | None:
    """Return the map that an array is a view of; None: it lies in memory."""
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) else None
