"""Check a table against its schema, and bring it into the schema's types where nothing is lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from noisefix.errors import DataError
from noisefix.run.schemas import TableSchema

if TYPE_CHECKING:
    import pyarrow as pa


def conform(table: pa.Table, schema: TableSchema, where: str) -> pa.Table:
    """Return the table with the schema's columns first, in its order and types.

    Strings go into larger strings, integers into wider ones or floats that hold them exactly, lists
    of one length into fixed-size lists; nothing that could change a value.

    Args:
        table: (N rows) the schema's columns, in any order, and any others.
        schema: what the table must be.
        where: the file or stage, for messages.

    Returns:
        The same rows; the other columns follow as they are.

    Raises:
        DataError: a missing column, a type that does not fit, a null where none may be, or a key
            that is not unique.
    """
    import pyarrow as pa

    title = f"{where}: {schema.name} table"
    table = with_optional(table, schema)
    names = table.column_names
    missing = [column.name for column in schema.columns if column.name not in names]
    if missing:
        raise DataError(
            f"{title}: missing column {', '.join(map(repr, missing))}",
            f"it has: {', '.join(names)}",
        )
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise DataError(f"{title}: column {doubled[0]!r} appears twice")
    target = schema.arrow(_list_lengths(table, schema, title))
    fields, arrays = [], []
    for field in target:
        column = _cast(table.column(field.name), field.type, f"{title}, column {field.name!r}")
        if column.null_count and not field.nullable:
            row = column.is_null().to_pylist().index(True)
            raise DataError(
                f"{title}, column {field.name!r}: {column.null_count} nulls, the first in row "
                f"{row + 1}; none are allowed"
            )
        fields.append(field)
        arrays.append(column)
    for name in names:
        if name not in target.names:
            fields.append(table.schema.field(name))
            arrays.append(table.column(name))
    ready = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    check_key(ready, schema, where)
    return ready


def conform_parts(parts: Iterable[pa.Table], schema: TableSchema, where: str) -> Iterator[pa.Table]:
    """Do ``conform`` part by part, and check the key of all together at last.

    Args:
        parts: one part of a table after the other.
        schema: what the table must be.
        where: as for ``conform``.
    """
    import pyarrow as pa

    keys = []
    for part in parts:
        ready = conform(part, schema, where)
        keys.append(ready.select(schema.key))
        yield ready
    check_key(pa.concat_tables(keys), schema, where)


def with_optional(table: pa.Table, schema: TableSchema, wanted: Sequence[str] = ()) -> pa.Table:
    """Return the table with nulls for the optional columns that it lacks.

    Args:
        table: (N rows).
        schema: what the table is.
        wanted: of the optional columns only these; empty: all.
    """
    import pyarrow as pa

    types = schema.arrow({"D": 1, "K": 1})
    for name in schema.optional_columns():
        if name not in table.column_names and (not wanted or name in wanted):
            field = types.field(name)
            table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    return table


def check_key(table: pa.Table, schema: TableSchema, where: str) -> None:
    """Check that the key columns together are different in every row, and never null.

    Raises:
        DataError: they are not; the message names the key and its rows.
    """
    if _is_unique([table.column(name) for name in schema.key]):
        return
    columns = [table.column(name).to_pylist() for name in schema.key]
    keys = columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
    title = f"{where}: {schema.name} table, key {', '.join(schema.key)}"
    for name, column in zip(schema.key, columns, strict=True):
        if table.column(name).null_count:
            raise DataError(f"{title}: {name} is null in row {column.index(None) + 1}")
    first: dict[Any, int] = {}
    for row, key in enumerate(keys, 1):
        if key in first:
            raise DataError(
                f"{title}: {key!r} is in rows {first[key]} and {row} "
                f"({len(keys) - len(set(keys))} rows repeat a key)",
                "every key must be unique",
            )
        first[key] = row


def _is_unique(columns: Sequence[pa.ChunkedArray]) -> bool:
    """Tell whether rows differ from each other and hold no null, without making Python objects."""
    import numpy as np

    if any(column.null_count for column in columns):
        return False
    codes = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        encoded = column.combine_chunks().dictionary_encode()
        codes = codes * max(len(encoded.dictionary), 1) + encoded.indices.to_numpy()
        _, codes = np.unique(codes, return_inverse=True)
    return int(codes.max(initial=-1)) + 1 == len(codes)


def _list_lengths(table: pa.Table, schema: TableSchema, title: str) -> dict[str, int]:
    """Read the symbolic list sizes (D, K) off the table's own columns."""
    import pyarrow as pa

    lengths: dict[str, int] = {}
    for column in schema.columns:
        if not column.type.startswith("fixed_size_list"):
            continue
        symbol = column.type.partition("[")[2].rstrip("]")
        values = table.column(column.name)
        if pa.types.is_fixed_size_list(values.type):
            length = int(values.type.list_size)
        elif pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
            length = len(values[0].as_py() or ()) if len(values) else lengths.get(symbol, 0)
        else:
            raise DataError(
                f"{title}, column {column.name!r}: type {values.type}, expected {column.type}"
            )
        if lengths.setdefault(symbol, length) != length:
            raise DataError(
                f"{title}, column {column.name!r}: lists of {length}, but {symbol} = "
                f"{lengths[symbol]} in another column"
            )
    return lengths


def _cast(column: pa.ChunkedArray, target: pa.DataType, title: str) -> pa.ChunkedArray:
    import pyarrow as pa

    if column.type == target:
        return column
    if _is_lossless(column.type, target):
        try:
            return column.cast(target)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
            raise DataError(f"{title}: {str(error).splitlines()[0]}") from error
    raise DataError(f"{title}: type {column.type}, expected {target}")


def _is_lossless(given: pa.DataType, target: pa.DataType) -> bool:
    """Tell whether a checked cast keeps every value; it fails where a value does not fit."""
    from pyarrow import types

    if given == target or types.is_null(given):
        return True
    if types.is_dictionary(given):
        return _is_lossless(given.value_type, target)
    if _is_list(given) and _is_list(target):
        return _is_lossless(given.value_type, target.value_type)
    if _is_text(given) or _is_text(target):
        return _is_text(given) and _is_text(target)
    if types.is_integer(given):
        return bool(types.is_integer(target) or types.is_floating(target))
    if types.is_floating(given):
        return bool(types.is_floating(target) and given.bit_width <= target.bit_width)
    return False


def _is_list(kind: pa.DataType) -> bool:
    from pyarrow import types

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _is_text(kind: pa.DataType) -> bool:
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))
