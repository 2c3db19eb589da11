"""A copy of a table in memory, edited: by the methods of whatever library it is of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from noisefix.errors import DataError


@dataclass(frozen=True)
class Edits:
    """What becomes of a table of N rows.

    Attributes:
        values: new values of cells, by column and row, 0 = first.
        kept: the rows that stay; None: all.
        added: new columns, (N,) values each.
    """

    values: dict[str, dict[int, Any]]
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
            f"column {', '.join(map(repr, edits.values))}: cannot hold a new label: "
            f"{str(error).splitlines()[0]}",
            "let the column be of texts or objects",
        ) from error


def _pandas(data: Any, edits: Edits) -> Any:
    frame = data.copy()
    for column, new in edits.values.items():
        place = [str(name) for name in frame.columns].index(column)
        cells = frame.iloc[:, place]
        frame.isetitem(
            place, _series_of_lists(cells, new) if _has_lists(new) else _series(cells, new)
        )
    for name, values in edits.added.items():
        frame[name] = values
    return frame if edits.kept is None else frame.iloc[edits.kept]


def _series(cells: Any, new: Mapping[int, Any]) -> Any:
    cells = cells.copy()
    if hasattr(cells, "cat"):
        names = [v for v in dict.fromkeys(new.values()) if v not in cells.cat.categories]
        cells = cells.cat.add_categories(names)
    cells.iloc[list(new)] = list(new.values())
    return cells


def _series_of_lists(cells: Any, new: Mapping[int, Any]) -> Any:
    """Set cells one by one: pandas would take a list of lists for a table."""
    import numpy as np

    some = next((cell for cell in cells if isinstance(cell, tuple | np.ndarray)), None)
    make: Callable[[list[Any]], Any] = np.array if isinstance(some, np.ndarray) else list
    make = tuple if isinstance(some, tuple) else make
    values = _set(cells.tolist(), {row: make(value) for row, value in new.items()})
    return type(cells)(values, index=cells.index, dtype=cells.dtype)


def _has_lists(new: Mapping[int, Any]) -> bool:
    return any(isinstance(value, list) for value in new.values())


def _polars(data: Any, edits: Edits) -> Any:
    frame, new = data, []
    for column, values in edits.values.items():
        cells = data[column]
        new.append(type(cells)(column, _set(cells.to_list(), values), dtype=cells.dtype))
    if edits.added:
        kind = type(data[data.columns[0]])
        new += [kind(name, values) for name, values in edits.added.items()]
    if new:
        frame = frame.with_columns(new)
    return frame if edits.kept is None else frame[edits.kept]


def _datasets(data: Any, edits: Edits) -> Any:
    rows, names = data, data.column_names
    for column, values in edits.values.items():
        cells = _set(list(data.with_format(None)[column]), values)
        rows = rows.remove_columns(column)
        rows = rows.add_column(column, cells, feature=data.features[column]).select_columns(names)
    for name, added in edits.added.items():
        rows = rows.add_column(name, added)
    return rows if edits.kept is None else rows.select(edits.kept)


def _arrow(table: Any, edits: Edits) -> Any:
    import pyarrow as pa

    for column, values in edits.values.items():
        place = table.schema.get_field_index(column)
        field = table.schema.field(place)
        cells = _set(table.column(place).to_pylist(), values)
        table = table.set_column(place, field, pa.array(cells, field.type))
    for name, added in edits.added.items():
        table = table.append_column(name, pa.array(added))
    return table if edits.kept is None else table.take(edits.kept)


def _set(cells: list[Any], new: Mapping[int, Any]) -> list[Any]:
    for row, value in new.items():
        cells[row] = value
    return cells
