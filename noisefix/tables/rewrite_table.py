"""Change cells of a typed table: column types, metadata and dictionaries stay."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from noisefix.errors import DataError
from noisefix.tables.changes import Changes, cannot_hold
from noisefix.tables.source import Source

if TYPE_CHECKING:
    import pyarrow as pa


def edited_table(source: Source, changes: Changes) -> pa.Table:
    """Return the table of a source with the changes made.

    Args:
        source: what was read.
        changes: what to change.

    Raises:
        DataError: a value that the column's type cannot hold.
    """
    import pyarrow as pa

    table = source.table
    columns = sorted({column for edits in changes.edits.values() for column in edits})
    for column in columns:
        new = {row: edits[column] for row, edits in changes.edits.items() if column in edits}
        k = table.column_names.index(column)
        table = table.set_column(k, table.schema.field(k), _edited(table, column, new, source))
    for name, values in changes.added.items():
        table = table.append_column(name, pa.array(list(values), pa.string()))
    if changes.dropped:
        keep = [row not in changes.dropped for row in range(1, len(source) + 1)]
        table = table.filter(pa.array(keep, pa.bool_()))
    if changes.new_rows:
        added = _new_rows(source, changes)
        table = pa.concat_tables([table, added.cast(table.schema)]).unify_dictionaries()
    return table


def _new_rows(source: Source, changes: Changes) -> pa.Table:
    """Return the new rows; a column that cannot be empty holds what the row that it is like has."""
    import pyarrow as pa

    rows = changes.new_rows
    table = source.table.take(pa.array([row.like - 1 for row in rows], pa.int64()))
    for k, field in enumerate(table.schema):
        name = field.name
        stays = [name in {*row.kept, *row.values} or not field.nullable for row in rows]
        if not all(stays):
            places = [place if stay else None for place, stay in enumerate(stays)]
            column = table.column(k).take(pa.array(places, pa.int64()))
            table = table.set_column(k, field, column)
        new: dict[int, str | None] = {
            place: row.values[name] for place, row in enumerate(rows, 1) if name in row.values
        }
        if new:
            table = table.set_column(k, field, _edited(table, name, new, source))
    for name in changes.added:
        table = table.append_column(name, pa.array([row.values.get(name, "") for row in rows]))
    return table


def _edited(
    table: pa.Table, column: str, new: dict[int, str | None], source: Source
) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    field = table.schema.field(column)
    target = field.type
    is_dictionary = pa.types.is_dictionary(target)
    kind = target.value_type if is_dictionary else target
    old = table.column(column).cast(kind).combine_chunks()
    rows = sorted(new)
    cells = []
    for row in rows:
        if new[row] is None and not field.nullable:
            raise DataError(f"{source.name}: row {row}, column {column!r} cannot be empty")
        cells.append(_cell(new[row], kind, row, column, source))
    wanted = set(rows)
    mask = pa.array([row in wanted for row in range(1, len(old) + 1)], pa.bool_())
    if pa.types.is_nested(kind):  # there is no mask for lists
        places = list(range(len(old)))
        for place, row in enumerate(rows, len(old)):
            places[row - 1] = place
        edited = pa.concat_arrays([old, *cells]).take(pa.array(places))
    else:
        edited = pc.replace_with_mask(old, mask, pa.concat_arrays(cells))
    if is_dictionary:
        edited = _as_dictionary(edited, table.column(column), target)
    return pa.chunked_array([edited], target)


def _as_dictionary(edited: pa.Array, old: pa.ChunkedArray, target: pa.DataType) -> pa.Array:
    """Encode again by the old dictionary, in its order, with new values after it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    known = old.unify_dictionaries().chunk(0).dictionary if old.num_chunks else edited[:0]
    distinct = pc.drop_null(pc.unique(edited))
    new = distinct.filter(pc.invert(pc.is_in(distinct, value_set=known)))
    dictionary = pa.concat_arrays([known, new])
    indices = pc.index_in(edited, value_set=dictionary).cast(target.index_type)
    return pa.DictionaryArray.from_arrays(indices, dictionary, ordered=target.ordered)


def _cell(value: str | None, kind: pa.DataType, row: int, column: str, source: Source) -> pa.Array:
    """Return the value as an array of one cell, in the column's type."""
    import pyarrow as pa

    if value is None:
        return pa.nulls(1, kind)
    try:
        if pa.types.is_nested(kind):  # written as JSON
            return pa.array([json.loads(value)], kind)
        return pa.array([value]).cast(kind)
    except (ValueError, pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        raise cannot_hold(source, row, column, value, f"the column's type is {kind}") from None
