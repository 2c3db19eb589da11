"""A copy of a table in memory, edited: by the methods of whatever library it is of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from noisefix.errors import DataError


@dataclass(frozen=True)
class Edits:
    """What becomes of a table of N rows.

    Attributes:
        column: the column with the labels.
        values: new values of its cells, by row, 0 = first.
        kept: the rows that stay; None: all.
        added: new columns, (N,) values each.
    """

    column: str
    values: dict[int, Any]
    kept: list[int] | None
    added: dict[str, list[Any]]


def edited(data: Any, edits: Edits) -> Any:
    """Return an edited copy, of the same kind and with the same index.

    What is no DataFrame, no Arrow table and no Hugging Face ``Dataset`` comes back as an Arrow
    table.

    Raises:
        DataError: the label column cannot hold a new label.
    """
    import pyarrow as pa

    from noisefix.tables.memory import as_arrow

    library = type(data).__module__.partition(".")[0]
    make = {"pandas": _pandas, "polars": _polars, "datasets": _datasets}.get(library, _arrow)
    try:
        return make(as_arrow(data) if make is _arrow else data, edits)
    except (TypeError, ValueError, pa.ArrowException) as error:
        if not edits.values:
            raise
        raise DataError(
            f"column {edits.column!r}: cannot hold a new label: {str(error).splitlines()[0]}",
            "let the column be of texts or objects",
        ) from error


def _pandas(data: Any, edits: Edits) -> Any:
    frame = data.copy()
    if edits.values:
        place = [str(name) for name in frame.columns].index(edits.column)
        cells = frame.iloc[:, place].copy()
        if hasattr(cells, "cat"):
            new = [v for v in dict.fromkeys(edits.values.values()) if v not in cells.cat.categories]
            cells = cells.cat.add_categories(new)
        cells.iloc[list(edits.values)] = list(edits.values.values())
        frame.isetitem(place, cells)
    for name, values in edits.added.items():
        frame[name] = values
    return frame if edits.kept is None else frame.iloc[edits.kept]


def _polars(data: Any, edits: Edits) -> Any:
    frame, new = data, []
    if edits.values:
        cells = data[edits.column]
        new.append(type(cells)(edits.column, _set(cells.to_list(), edits), dtype=cells.dtype))
    if edits.added:
        kind = type(data[data.columns[0]])
        new += [kind(name, values) for name, values in edits.added.items()]
    if new:
        frame = frame.with_columns(new)
    return frame if edits.kept is None else frame[edits.kept]


def _datasets(data: Any, edits: Edits) -> Any:
    rows = data
    if edits.values:
        names, feature = data.column_names, data.features[edits.column]
        cells = _set(list(data.with_format(None)[edits.column]), edits)
        rows = rows.remove_columns(edits.column)
        rows = rows.add_column(edits.column, cells, feature=feature).select_columns(names)
    for name, values in edits.added.items():
        rows = rows.add_column(name, values)
    return rows if edits.kept is None else rows.select(edits.kept)


def _arrow(table: Any, edits: Edits) -> Any:
    import pyarrow as pa

    if edits.values:
        place = table.schema.get_field_index(edits.column)
        field = table.schema.field(place)
        cells = _set(table.column(place).to_pylist(), edits)
        table = table.set_column(place, field, pa.array(cells, field.type))
    for name, values in edits.added.items():
        table = table.append_column(name, pa.array(values))
    return table if edits.kept is None else table.take(edits.kept)


def _set(cells: list[Any], edits: Edits) -> list[Any]:
    for row, value in edits.values.items():
        cells[row] = value
    return cells
