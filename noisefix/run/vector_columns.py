"""The vectors of a table, without holding them: what a stage reads block by block."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from noisefix.errors import DataError
from noisefix.run.arrays import list_matrix
from noisefix.run.parquet import column_parts, parquet_shape
from noisefix.run.schemas import SECOND_EMBEDDING
from noisefix.tables.atomic import write_error
from noisefix.tables.leftovers import remove_leftovers, temporary_name
from noisefix.vectors import GRAIN, InMemory, Vectors, write_vectors

if TYPE_CHECKING:
    import pyarrow as pa

EMBEDDING = "embedding"
VECTOR_COLUMNS = (EMBEDDING, SECOND_EMBEDDING)
"""Columns that hold a vector a row."""

IN_MEMORY_ROWS = 50_000
"""Tables of fewer rows are simply held."""

_BLOCK_ROWS = 8 * GRAIN


@contextmanager
def open_vectors(table: Path, scratch: Path) -> Iterator[dict[str, Vectors]]:
    """Yield the vector columns of a table, by name.

    Of a long table they lie in files of their own while they are open; should this process be
    killed, the next one that writes in that folder removes them (``remove_leftovers``).

    Args:
        table: a Parquet file whose schema has been checked (``read_table``).
        scratch: an existing folder on a disk with room for them.

    Raises:
        DataError: the table cannot be read, or holds NaN or infinity; there is no room.
    """
    n_rows, columns = parquet_shape(table)
    found: dict[str, Vectors] = {}
    files: list[Path] = []
    try:
        for column in (name for name in VECTOR_COLUMNS if name in columns):
            parts = _finite(column_parts(table, column, _BLOCK_ROWS))
            if n_rows < IN_MEMORY_ROWS:
                found[column] = InMemory(np.concatenate([*parts]))
                continue
            remove_leftovers(scratch)
            files.append(scratch / temporary_name())
            found[column] = _copied(parts, files[-1])
        yield found
    finally:
        for file in files:
            with suppress(OSError):
                file.unlink(missing_ok=True)


def read_matrix(table: Path, column: str = EMBEDDING) -> np.ndarray:
    """Read an embedding column as (N, D) float32, without holding it twice.

    That of a long table is a private map of a scratch file that has no name any more: where memory
    is short, the system forgets rows and reads them again.

    Args:
        table: a Parquet file whose schema has been checked (``read_table``).
        column: which of its columns.

    Raises:
        DataError: as for ``open_vectors``.
    """
    n_rows, _ = parquet_shape(table)
    parts = _finite(column_parts(table, column, _BLOCK_ROWS))
    if n_rows < IN_MEMORY_ROWS:
        return np.concatenate([*parts])
    folder = table.parent if os.access(table.parent, os.W_OK) else Path(tempfile.gettempdir())
    remove_leftovers(folder)
    file = folder / temporary_name()
    try:
        return np.asarray(np.memmap(file, "<f4", "c", shape=_copied(parts, file).shape))
    finally:
        with suppress(OSError):  # Windows keeps it while it is mapped: the next run removes it
            file.unlink(missing_ok=True)


def vectors_of(
    table: pa.Table, opened: Mapping[str, Vectors] | None, column: str = EMBEDDING
) -> Vectors:
    """Return the vectors of one column of a table.

    Args:
        table: N rows.
        opened: its vector columns, where they were left out of it (``open_vectors``).
        column: which of them.

    Raises:
        DataError: it holds NaN or infinity.
    """
    if opened and column in opened:
        return opened[column]
    return InMemory(embedding_matrix(table, column))


def second_vectors(table: pa.Table, opened: Mapping[str, Vectors] | None) -> Vectors | None:
    """Return the second vectors of a table, as ``vectors_of``; None: it has none."""
    if SECOND_EMBEDDING in (opened or ()) or SECOND_EMBEDDING in table.column_names:
        return vectors_of(table, opened, SECOND_EMBEDDING)
    return None


def embedding_matrix(table: pa.Table, column: str = EMBEDDING) -> np.ndarray:
    """Return an embedding column as (N, D) float32.

    Raises:
        DataError: it holds NaN or infinity.
    """
    (matrix,) = _finite(iter([_as_float32(table[column])]))
    return matrix


def _as_float32(column: pa.ChunkedArray) -> np.ndarray:
    return np.ascontiguousarray(list_matrix(column), dtype=np.float32)


def _finite(parts: Iterator[np.ndarray | pa.ChunkedArray]) -> Iterator[np.ndarray]:
    """Yield matrices one after the other; say at last where they are no numbers."""
    n_bad, first, n_rows = 0, 0, 0
    for part in parts:
        matrix = part if isinstance(part, np.ndarray) else _as_float32(part)
        bad = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
        if len(bad):
            first = first or n_rows + int(bad[0]) + 1
            n_bad += len(bad)
        n_rows += len(matrix)
        yield matrix
    if n_bad:
        raise DataError(
            f"embeddings table: row {first} holds NaN or infinity ({n_bad} such rows)",
            "embed the data again with `noisefix embed --force`",
        )


def _copied(parts: Iterator[np.ndarray], file: Path) -> Vectors:
    head = next(parts)

    def everything() -> Iterator[np.ndarray]:
        yield head
        yield from parts

    try:
        return write_vectors(file, everything(), head.shape[1])
    except OSError as error:
        raise write_error(error, file) from error
