"""Write and read the Parquet tables of the contract, checked against their schemas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.errors import DataError
from noisefix.run.checks import conform
from noisefix.run.foreign import accept
from noisefix.run.provenance import METADATA_KEY, Provenance
from noisefix.run.schemas import TableSchema
from noisefix.tables.atomic import atomic_path, read_error
from noisefix.tables.parquet import damaged_parquet

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


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


def write_parquet(table: pa.Table, path: Path, provenance: Provenance) -> None:
    """Write a table that is known to fit its schema, right to ``path``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Dictionaries pay for ids and labels; for texts and vectors they only cost time.
    short = [field.name for field in table.schema if pa.types.is_string(field.type)]
    pq.write_table(
        table.replace_schema_metadata({METADATA_KEY: provenance.to_json()}),
        path,
        compression="zstd",
        use_dictionary=short or False,
        write_statistics=False,
        row_group_size=1 << 17,
    )


def read_table(
    path: str | Path, schema: TableSchema, columns: Sequence[str] | None = None
) -> tuple[pa.Table, Provenance]:
    """Read a table and check that it is what the schema says.

    One that somebody else made, without noisefix's metadata, is checked column by column
    (``foreign.accept``); the provenance returned then says so (``is_foreign``).

    Args:
        path: the file.
        schema: what it must be.
        columns: names to read; all by default.

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
    missing = [name for name in (every if is_foreign else wanted) if name not in present]
    if missing:
        file.close()
        raise _lacks(missing, schema, path, file.schema_arrow.names, provenance)
    try:
        table = file.read(columns=None if columns is None or is_foreign else wanted)
    except (OSError, ValueError) as error:
        raise damaged_parquet(path, error) from error
    finally:
        file.close()
    if provenance is None or is_foreign:
        table, provenance = accept(table, schema, str(path), provenance)
    return (table if columns is None else table.select(wanted)), provenance


def column_names(path: str | Path) -> list[str]:
    """Return the names of a table's columns.

    Raises:
        DataError: the file vanished, or is no whole Parquet file.
    """
    file, _ = _open(path)
    try:
        return list(file.schema_arrow.names)
    finally:
        file.close()


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
        file = pq.ParquetFile(path)
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
