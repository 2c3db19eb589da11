"""Shards of the candidates table: files that a killed run goes on from, until it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.detection.candidates_table import build_candidates
from noisefix.detection.shard_store import shards_folder
from noisefix.executors import Executor
from noisefix.progress import Progress
from noisefix.tables.atomic import atomic_path
from noisefix.vectors import GRAIN, blocks

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.neighbors.candidates import Retrieval

SHARD_ROWS = 64 * GRAIN
"""Rows of a shard."""


@dataclass(frozen=True)
class Shards:
    """Where the shards of one table lie until it is written.

    Attributes:
        folder: it may hold those of an earlier run.
        key: digest of all that they depend on.
        size: rows of each, rounded up to whole grains.
    """

    folder: Path
    key: str
    size: int = SHARD_ROWS

    def path(self, first: int) -> Path:
        """Return the file of the shard that begins with a row."""
        return self.folder / f"shard-{self.key[:16]}-{first:012d}.parquet"


@dataclass(frozen=True, eq=False)
class ShardWork:
    """All that the work on any shard needs; other processes may be given it.

    Attributes:
        retrieval: finds the candidates.
        rows: (N,) of the embeddings table: id and given_label.
        class_names: (K,) in canonical order.
    """

    retrieval: Retrieval
    rows: pa.Table
    class_names: Sequence[str]

    def table(self, first: int, last: int) -> pa.Table:
        """Return the candidates of the rows first..last-1."""
        found = self.retrieval.of_rows(first, last)
        rows = self.rows.slice(first, last - first)
        return build_candidates(rows, found, self.rows["id"], self.class_names)


def work_off(
    work: ShardWork,
    shards: Shards,
    executor: Executor,
    progress: Callable[[Progress], None] | None = None,
) -> int:
    """Make the files of all shards that are not there yet.

    Args:
        work: what is done.
        shards: where they go.
        executor: who does it; changes no byte.
        progress: called after each shard.

    Returns:
        How many rows have one candidate only.

    Raises:
        DataError: a file cannot be written.
    """
    shards = replace(shards, folder=shards_folder(shards.folder, shards.key))
    n_rows, n_certain = work.rows.num_rows, 0
    parts = list(blocks(n_rows, shards.size))
    done = executor.map(partial(_make, work, shards), parts, on_gpu=work.retrieval.on_gpu)
    for (_, last), count in zip(parts, done, strict=True):
        n_certain += count
        if progress is not None:
            progress(Progress("candidates", last, n_rows))
    return n_certain


def read_shards(shards: Shards, n_rows: int) -> Iterator[pa.Table]:
    """Yield the tables of all shards, in the order of the rows."""
    import pyarrow.parquet as pq

    for first, _ in blocks(n_rows, shards.size):
        yield pq.read_table(shards.path(first))


def _make(work: ShardWork, shards: Shards, rows: tuple[int, int]) -> int:
    """Make a shard's file, if it is not there; return how many rows have one candidate only."""
    import pyarrow.parquet as pq

    first, last = rows
    path = shards.path(first)
    if not _is_there(path, last - first):
        with atomic_path(path) as temporary:
            pq.write_table(work.table(first, last), temporary, compression="zstd")
    is_certain = pq.read_table(path, columns=["is_certain"])["is_certain"]
    return int(sum(is_certain.to_pylist()))


def _is_there(path: Path, n_rows: int) -> bool:
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            return bool(file.metadata.num_rows == n_rows)
    except (OSError, ValueError):  # it is not there, or not whole
        return False
