"""Write and read the Parquet tables of the contract, checked against their schemas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.errors import DataError
from noisefix.run.checks import conform, with_optional
from noisefix.run.foreign import accept
from noisefix.run.provenance import METADATA_KEY, Provenance
from noisefix.run.schemas import TableSchema
from noisefix.tables.atomic import atomic_path, read_error
from noisefix.tables.parquet import damaged_parquet

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

ROW_GROUP = 1 << 15
"""Rows that are written, and can be read, together."""

_GROUP_VALUES = 1 << 22


def write_table(
    table: pa.Table, path: str | Path, schema: TableSchema, provenance: Provenance
) -> None:
    """Check a table against its schema and write it atomically, the same bytes every time.

    Args:
        table: (N rows) the schema's columns, in any order, and any others after them.
        path: the file to make or replace.
        schema: what the table must be.
        provenance: goes into the file's metadata.

    Raises:
        DataError: the table does not fit its schema (``conform``), or cannot be written
            (``atomic_path``).
    """
    ready = conform(table, schema, str(path))
    with atomic_path(path) as temporary:
        write_parquet(ready, temporary, provenance)


def write_parquet(parts: pa.Table | Iterable[pa.Table], path: Path, provenance: Provenance) -> None:
    """Write a table that is known to fit its schema, right to ``path``.

    The same rows give the same bytes, however they are cut into parts.

    Args:
        parts: the table, or parts of it one after the other, one at least; they are asked for as
            they are written.
        path: the file.
        provenance: goes into the file's metadata.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    pieces = _row_groups(iter([parts]) if isinstance(parts, pa.Table) else iter(parts))
    first = next(pieces)
    schema = first.schema.with_metadata({METADATA_KEY: provenance.to_json()})
    # Dictionaries pay for ids and labels; for texts and vectors they only cost time.
    short = [field.name for field in schema if pa.types.is_string(field.type)]
    with pq.ParquetWriter(
        path, schema, compression="zstd", use_dictionary=short or False, write_statistics=False
    ) as writer:
        for piece in chain([first], pieces):
            writer.write_table(piece.replace_schema_metadata(schema.metadata), ROW_GROUP)


def _row_groups(parts: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Cut and join tables into such of ``ROW_GROUP`` rows, the last one shorter; one at least.

    Of wide rows there are fewer, so that a group has up to ``_GROUP_VALUES`` numbers.
    """
    import pyarrow as pa

    held: list[pa.Table] = []
    n_held, n_written, size = 0, 0, ROW_GROUP
    for part in parts:
        if not held:
            width = sum(getattr(field.type, "list_size", 0) for field in part.schema)
            size = max(min(ROW_GROUP, _GROUP_VALUES // max(width, 1)), 1)
        held.append(part)
        n_held += part.num_rows
        while n_held >= size:
            whole = pa.concat_tables(held)
            yield whole.slice(0, size).combine_chunks()
            held, n_held, n_written = [whole.slice(size)], n_held - size, n_written + 1
    if n_held or not n_written:
        yield pa.concat_tables(held).combine_chunks()


def read_table(
    path: str | Path,
    schema: TableSchema,
    columns: Sequence[str] | None = None,
    *,
    without: Sequence[str] = (),
) -> tuple[pa.Table, Provenance]:
    """Read a table and check that it is what the schema says.

    One that somebody else made, without noisefix's metadata, is checked column by column
    (``foreign.accept``); the provenance returned then says so (``is_foreign``).

    Args:
        path: the file.
        schema: what it must be.
        columns: names to read; all by default.
        without: names to leave out.

    Returns:
        The table and its provenance.

    Raises:
        DataError: the file vanished, is no Parquet, is cut short, is another table, was written by
            a newer noisefix, or lacks a column.
    """
    file, provenance = _open(path)
    if provenance is not None:
        _check_schema(provenance, schema, path)
    present = set(file.schema_arrow.names)
    is_foreign = provenance is None or provenance.is_foreign
    every = [column.name for column in schema.columns]
    wanted = every if columns is None else list(columns)
    absent = [name for name in (every if is_foreign else wanted) if name not in present]
    missing = [name for name in absent if name not in schema.optional_columns()]
    if missing:
        file.close()
        raise _lacks(missing, schema, path, file.schema_arrow.names, provenance)
    try:
        stored = [
            name
            for name in (file.schema_arrow.names if columns is None else wanted)
            if name in present and name not in without
        ]
        table = file.read(columns=None if is_foreign else stored)
    except (OSError, ValueError) as error:
        raise damaged_parquet(path, error) from error
    finally:
        file.close()
    if provenance is None or is_foreign:
        table, provenance = accept(table, schema, str(path), provenance)
    elif absent:
        table = with_optional(table, schema, wanted)
    wanted = table.column_names if columns is None else wanted
    return table.select([name for name in wanted if name not in without]), provenance


def read_rows(
    path: str | Path, schema: TableSchema, columns: Sequence[str], rows: np.ndarray
) -> pa.Table:
    """Read some rows of a table, one row group after the other.

    Args:
        path: the file.
        schema: what it must be.
        columns: names to read.
        rows: (R,) row numbers, 0-based, ascending.

    Raises:
        DataError: as ``read_table``.
    """
    import numpy as np
    import pyarrow as pa

    file, provenance = _open(path)
    is_ours = provenance is not None and not provenance.is_foreign
    if not is_ours or not set(columns) <= set(file.schema_arrow.names):
        file.close()
        return read_table(path, schema, columns)[0].take(pa.array(rows))
    with file:
        sizes = [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)]
        ends = np.cumsum([0, *sizes])
        parts = [file.schema_arrow.empty_table().select(list(columns))]
        try:
            for k in range(file.num_row_groups):
                inside = rows[(rows >= ends[k]) & (rows < ends[k + 1])] - ends[k]
                if len(inside):
                    part = file.read_row_group(k, list(columns))
                    parts.append(part.select(list(columns)).take(pa.array(inside)))
        except (OSError, ValueError) as error:
            raise damaged_parquet(path, error) from error
    return pa.concat_tables(parts)


def parquet_shape(path: str | Path) -> tuple[int, list[str]]:
    """Read only how many rows a table has, and the names of its columns.

    Raises:
        DataError: the file vanished, or is no whole Parquet file.
    """
    file, _ = _open(path)
    with file:
        return file.metadata.num_rows, list(file.schema_arrow.names)


def column_parts(path: str | Path, column: str, n_rows: int) -> Iterator[pa.ChunkedArray]:
    """Yield a column of a table in parts of some rows; at least one part, though of no rows.

    Args:
        path: the file.
        column: its name.
        n_rows: rows of a part at most.

    Raises:
        DataError: the file vanished, or is no whole Parquet file.
    """
    import pyarrow as pa

    file, _ = _open(path)
    with file:
        try:
            if not file.metadata.num_rows:
                yield pa.chunked_array([], file.schema_arrow.field(column).type)
            for batch in file.iter_batches(n_rows, columns=[column]):
                yield pa.chunked_array([batch.column(0)])
        except (OSError, ValueError) as error:
            raise damaged_parquet(path, error) from error


def _lacks(
    missing: list[str],
    schema: TableSchema,
    path: str | Path,
    present: list[str],
    provenance: Provenance | None,
) -> DataError:
    columns = ", ".join(map(repr, missing))
    if provenance is not None:
        return DataError(
            f"{path}: the {schema.name} table has no column {columns}",
            f"make it again; it has: {', '.join(present)}",
        )
    return DataError(
        f"{path}: a Parquet file, but not one that noisefix wrote (no noisefix metadata), nor a "
        f"{schema.name} table made elsewhere: it has no column {columns}",
        "name a table out of a run folder, or one with the columns of docs/tables.md; to read your "
        "own data, run: noisefix detect FILE",
    )


def read_provenance(path: str | Path) -> Provenance:
    """Read only the provenance of a table.

    Raises:
        DataError: the file vanished, is no whole Parquet file, or was not written by noisefix.
    """
    file, provenance = _open(path)
    file.close()
    if provenance is None:
        raise DataError(
            f"{path}: a Parquet file, but not one that noisefix wrote (no noisefix metadata)",
            "name a table out of a run folder; to read your own data, run: noisefix detect FILE",
        )
    return provenance


def is_foreign(path: str | Path) -> bool:
    """Say whether a file is a whole Parquet file that somebody else made."""
    with suppress(DataError):
        file, provenance = _open(path)
        file.close()
        return provenance is None or provenance.is_foreign
    return False


def read_columns(path: str | Path) -> list[str]:
    """Read only the names of a table's columns.

    Raises:
        DataError: as ``read_provenance``.
    """
    file, _ = _open(path)
    file.close()
    return list(file.schema_arrow.names)


def _open(path: str | Path) -> tuple[pq.ParquetFile, Provenance | None]:
    import pyarrow.parquet as pq

    try:
        with Path(path).open("rb"):  # for an error that says which of the many things is wrong
            pass
    except OSError as error:
        raise read_error(error, path) from error
    try:
        # Else every row group read stays in memory, and a whole column of each is read at once.
        file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
    except (OSError, ValueError) as error:
        raise damaged_parquet(path, error) from error
    try:
        return file, Provenance.from_metadata(file.schema_arrow.metadata)
    except DataError as error:
        file.close()
        raise DataError(f"{path}: {error.message}", _REMAKE) from error


_REMAKE = "make the table again with the command that wrote it"


def _check_schema(provenance: Provenance, schema: TableSchema, path: str | Path) -> None:
    if provenance.schema != schema.name:
        raise DataError(
            f"{path}: this is the {provenance.schema} table, but the {schema.name} table is needed",
            f"name the {schema.name} table ({schema.name}.parquet in the run folder)",
        )
    if provenance.version > schema.version:
        raise DataError(
            f"{path}: written by noisefix {provenance.noisefix_version} in version "
            f"{provenance.version} of the {schema.name} table; this one knows version "
            f"{schema.version}",
            "update noisefix: pip install -U noisefix",
        )
    if provenance.version < schema.version:
        raise DataError(
            f"{path}: version {provenance.version} of the {schema.name} table is too old; version "
            f"{schema.version} is needed",
            _REMAKE,
        )


def with_columns(table: pa.Table, columns: Mapping[str, list[Any]]) -> pa.Table:
    """Return a table with other values in some of its columns, whose types stay.

    Args:
        table: (N rows).
        columns: (N,) values by name.
    """
    import pyarrow as pa

    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        field = table.schema.field(place)
        table = table.set_column(place, field, pa.array(values, field.type))
    return table
