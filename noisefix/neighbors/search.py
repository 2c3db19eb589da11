"""Nearest neighbours by cosine: exact where that is quick, else in cells of like vectors.

Comparing everything with everything takes time that grows with the square of the rows. Beyond
``EXACT_PAIRS`` comparisons, queries look into the cells nearest to them only; then some neighbours
are missed, and the share of those found is measured (``Neighbors.recall``).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from noisefix.errors import DataError
from noisefix.executors import IN_TURN, Executor
from noisefix.hardware import choose_device
from noisefix.neighbors.cell_store import assign, lay_out
from noisefix.neighbors.cells import train_centroids
from noisefix.neighbors.distinct import find_distinct
from noisefix.neighbors.exact import ExactSearch
from noisefix.neighbors.found import Neighbors as Neighbors
from noisefix.neighbors.found import without_row
from noisefix.neighbors.recall import tuned
from noisefix.progress import Progress
from noisefix.tables.atomic import write_error
from noisefix.tables.leftovers import remove_leftovers, temporary_name
from noisefix.vectors import GRAIN, InFile, SomeRows, Vectors, as_vectors, blocks

EXACT_PAIRS = 10**10
"""Comparisons up to which a search on the CPU is exact: 100,000 rows with each other."""

_GPU_EXACT_PAIRS = 2 * 10**12
_GPU_FROM = 4e12  # multiplications: about 15 s on two cores
_CELL_ROWS = 500  # distinct vectors of a cell, on average
_QUERY_ROWS = 64 * GRAIN  # looked up at once, by all cores of this process
_PART_ROWS = 16 * GRAIN  # looked up at once, by one core of another


class Search(Protocol):
    """A base in which queries are looked up; it can be handed to other processes.

    Its ``recall`` is the share of the true neighbours that are found, in [0, 1]: measured, or 1
    where all are found for sure.
    """

    @property
    def recall(self) -> float:
        """Return the share of the true neighbours that are found."""

    @property
    def on_gpu(self) -> bool:
        """Say whether it needs the GPU that it was opened for."""

    def find(self, queries: np.ndarray, groups: np.ndarray | None = None) -> Neighbors:
        """Return the ``wanted`` neighbours of some queries.

        Args:
            queries: (Q, D): the queries from a whole grain on, so that what is found does not
                depend on how many are looked up at once.
            groups: (Q,) their groups, where the base has some.
        """


@contextmanager
def open_search(
    queries: Vectors,
    base: Vectors,
    wanted: int,
    *,
    exclude: np.ndarray | None = None,
    query_groups: np.ndarray | None = None,
    base_groups: np.ndarray | None = None,
    device: str = "auto",
) -> Iterator[Search]:
    """Yield a search of a base, for a block of queries at a time.

    Of a base in a file a copy, cell by cell, lies beside it as long as the search is open.

    Args:
        queries: (Q, D) all that will be looked up.
        base: (B, D), B at least 1.
        wanted: neighbours of each query, with the row itself where it is in the base.
        exclude: (Q,) the row itself, which is no neighbour where recall is measured; -1: none.
        query_groups: (Q,) ids; base rows with the same id in ``base_groups`` are not found.
        base_groups: (B,) ids.
        device: as for ``nearest``.

    Raises:
        DataError: the copy cannot be written.
        ModelError: the device is not there.
    """
    n_pairs = len(queries) * len(base)
    device = _choose_device(device, float(n_pairs) * base.shape[1])
    if n_pairs <= (EXACT_PAIRS if device == "cpu" else _GPU_EXACT_PAIRS):
        yield ExactSearch(base, base_groups, wanted, device)
        return
    distinct = find_distinct(base, base_groups)
    n_cells = max(1, round(len(distinct.first) / _CELL_ROWS))
    centroids = train_centroids(base, distinct.first, n_cells)
    cell = assign(base, centroids)
    with _folder_beside(base) as folder:
        try:
            store = lay_out(base, distinct, cell, centroids, folder)
        except OSError as error:
            raise write_error(error, folder or Path()) from error
        search = tuned(store, cell, queries, query_groups, exclude, wanted)
        del distinct, cell  # what finds neighbours is in the file
        yield search


@contextmanager
def _folder_beside(base: Vectors) -> Iterator[Path | None]:
    """Yield a new folder beside the file of a base; None where the base lies in memory."""
    while isinstance(base, SomeRows):
        base = base.source
    if not isinstance(base, InFile):
        yield None
        return
    remove_leftovers(base.path.parent)
    folder = base.path.absolute().with_name(temporary_name())
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def nearest(
    queries: Vectors | np.ndarray,
    base: Vectors | np.ndarray,
    n_neighbors: int,
    *,
    exclude: np.ndarray | None = None,
    query_groups: np.ndarray | None = None,
    base_groups: np.ndarray | None = None,
    device: str = "auto",
    executor: Executor = IN_TURN,
    progress: Callable[[Progress], None] | None = None,
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
        executor: who looks queries up in cells; changes no byte. An exact search is done here,
            where rows that are compared with themselves cost half.
        progress: called as queries are looked up, where they are so in parts.

    Raises:
        DataError: shapes that do not fit, or no neighbours asked for.
        ModelError: the device is not there.
    """
    _check(queries, base, n_neighbors, query_groups, base_groups)
    found = Neighbors.none_yet(len(queries), n_neighbors, len(base))
    if 0 in (len(base), len(queries)):
        return found
    same = queries is base and query_groups is base_groups
    queries, base = as_vectors(queries), as_vectors(base)
    wanted = n_neighbors + (exclude is not None)
    with open_search(
        queries,
        base,
        wanted,
        exclude=exclude,
        query_groups=query_groups,
        base_groups=base_groups,
        device=device,
    ) as search:
        if same and isinstance(search, ExactSearch):
            every = search.find_all()
            every = every if exclude is None else without_row(every, exclude)
            found.indices[:], found.similarities[:] = every.indices, every.similarities
        else:
            look_up = partial(_look_up, search, queries, query_groups, exclude)
            worker = IN_TURN if isinstance(search, ExactSearch) else executor
            _find_in_blocks(look_up, worker, found, progress)
    return replace(found, recall=search.recall)


@dataclass(frozen=True)
class _Part:
    """Some queries that are looked up at once."""

    first: int
    last: int

    @property
    def name(self) -> str:
        """Say in messages which rows they are."""
        return f"neighbours of rows {self.first + 1:,} to {self.last:,}"


def _find_in_blocks(
    look_up: Callable[[_Part], Neighbors],
    executor: Executor,
    found: Neighbors,
    progress: Callable[[Progress], None] | None,
) -> None:
    """Look all queries up, and put what is found into its place at once."""
    size = _QUERY_ROWS if executor.is_here else _PART_ROWS
    parts = [_Part(*rows) for rows in blocks(len(found.indices), size)]
    for part, near in zip(parts, executor.map(look_up, parts), strict=True):
        found.indices[part.first : part.last] = near.indices
        found.similarities[part.first : part.last] = near.similarities
        if progress is not None and len(parts) > 1:
            progress(Progress("neighbours", part.last, len(found.indices)))


def _look_up(
    search: Search,
    queries: Vectors,
    groups: np.ndarray | None,
    exclude: np.ndarray | None,
    part: _Part,
) -> Neighbors:
    """Return the neighbours of some queries."""
    rows = slice(part.first, part.last)
    near = search.find(
        queries.rows(part.first, part.last), None if groups is None else groups[rows]
    )
    return near if exclude is None else without_row(near, exclude[rows])


def _check(
    queries: Vectors | np.ndarray,
    base: Vectors | np.ndarray,
    n_neighbors: int,
    query_groups: np.ndarray | None,
    base_groups: np.ndarray | None,
) -> None:
    shapes = queries.shape, base.shape
    if len(shapes[0]) != 2 or len(shapes[1]) != 2 or shapes[0][1] != shapes[1][1]:
        raise DataError(f"queries {shapes[0]} and base {shapes[1]} are not of one width")
    if n_neighbors < 1:
        raise DataError(f"{n_neighbors} neighbours asked for")
    if (query_groups is None) != (base_groups is None):
        raise DataError("groups are needed of both queries and base, or of none")


def _choose_device(device: str, work: float) -> str:
    if device == "cpu" or (device == "auto" and work < _GPU_FROM):
        return "cpu"  # and torch need not be imported
    found = choose_device(device)
    return "cpu" if device == "auto" and found != "cuda" else found
