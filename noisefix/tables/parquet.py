"""Read Parquet files that are not ours: whole, or some rows at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.errors import DataError
from noisefix.tables.limits import too_much_unpacked, unpacked_limit

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

PARQUET_MAGIC = b"PAR1"
_CELL = 4
"""Bytes that a cell takes in memory, whatever it holds."""


def read_any_parquet(data: bytes, name: str) -> pa.Table:
    """Read a Parquet file that is not ours, from memory.

    Raises:
        DataError: not Parquet, damaged, or a doubled column name.
    """
    import pyarrow as pa

    if not data:
        raise DataError(f"{name}: the file is empty", "give a file with some rows")
    file = open_any_parquet(pa.BufferReader(data), name, len(data))
    return next(any_parquet_tables(file, None, None, name))


def open_any_parquet(file: Any, name: str, size: int) -> pq.ParquetFile:
    """Open a Parquet file that is not ours, and check its columns.

    Args:
        file: an open file, or a buffer.
        name: the file, for messages.
        size: its bytes.

    Raises:
        DataError: not Parquet, damaged, a doubled column name, no rows, or far more of them than
            so many bytes hold of text.
    """
    import pyarrow.parquet as pq

    try:
        found = pq.ParquetFile(file, pre_buffer=False)  # else all that was read stays in memory
    except (OSError, ValueError) as error:
        raise damaged_parquet(name, error) from error
    check_columns(found.schema_arrow.names, found.metadata.num_rows, name)
    limit = unpacked_limit(size)
    if _claimed_bytes(found.metadata) > limit:
        raise too_much_unpacked(name, limit)
    return found


def check_columns(names: Sequence[str], n_rows: int, name: str) -> None:
    """Check that a table has rows, and one column of each name.

    Raises:
        DataError: it does not.
    """
    doubled = next((column for column, count in Counter(names).items() if count > 1), None)
    if doubled is not None:
        raise DataError(f"{name}: column {doubled!r} appears twice", "rename one of them")
    if not n_rows:
        raise DataError(f"{name}: there are columns but no rows", "give a file with some rows")


def _claimed_bytes(metadata: pq.FileMetaData) -> int:
    """Return how much memory a file says its rows take, at the least."""
    groups = [metadata.row_group(k) for k in range(metadata.num_row_groups)]
    n_rows = max(metadata.num_rows, sum(max(group.num_rows, 0) for group in groups))
    content = sum(max(group.total_byte_size, 0) for group in groups)
    return int(max(content, n_rows * _CELL * metadata.num_columns))


def any_parquet_tables(
    file: pq.ParquetFile, columns: Sequence[str] | None, n_rows: int | None, name: str
) -> Iterator[pa.Table]:
    """Yield the rows of an open file, at most ``n_rows`` at a time; None: all at once.

    Raises:
        DataError: the file is damaged.
    """
    import pyarrow as pa

    try:
        if n_rows is None:
            yield file.read(columns)
            return
        for batch in file.iter_batches(n_rows, columns=columns, use_threads=False):
            table = pa.Table.from_batches([batch])
            yield table if columns is None else table.select(columns)
    except (OSError, ValueError) as error:
        raise damaged_parquet(name, error) from error


def damaged_parquet(path: str | Path, error: Exception) -> DataError:
    """Return the error that says why a file cannot be read as Parquet."""
    reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return DataError(
        f"{path}: not a whole Parquet file: {reason}",
        "it is cut short, damaged or of another format; make or copy it again",
    )
