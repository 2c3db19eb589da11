"""Cells as they stand in their file, quotes, blanks and escapes included: to be put back so."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from noisefix.tables.atomic import read_bytes
from noisefix.tables.csv_source import locate_cells
from noisefix.tables.encoding import decode_text
from noisefix.tables.json_array import object_spans
from noisefix.tables.json_values import value_spans
from noisefix.tables.jsonl import row_spans
from noisefix.tables.source import Source
from noisefix.tables.wrapped import plain_bytes


class Raw(str):
    """A cell's new content that is written as it is, not as a value; "" in JSON: no such key."""

    __slots__ = ()


@dataclass(frozen=True)
class Cell:
    """A cell of a file.

    Attributes:
        value: what it says, blanks and all; None where there is nothing.
        raw: how that is written; None where a format has no such thing (Parquet, Excel).
    """

    value: str | None
    raw: str | None


def read_cells(
    files: Sequence[Path], source: Source, column: str, rows: Collection[int]
) -> dict[int, Cell]:
    """Read some cells of a column as they stand in the file.

    Args:
        files: the file; of several, each.
        source: what was read from them.
        column: the column's name.
        rows: row numbers, 1 = first data row.

    Returns:
        The cells by row number.

    Raises:
        DataError: a file cannot be read any more.
    """
    raws: dict[int, str] = {}
    first = 0
    for path, part in zip(files, source.parts or (source,), strict=True):
        wanted = {row - first for row in rows if first < row <= first + len(part)}
        found = _raw_cells(path, part, column, wanted) if wanted else {}
        raws |= {row + first: raw for row, raw in found.items()}
        first += len(part)
    values = source.table.column(column)
    cells = {row: Cell(cell_text(values[row - 1].as_py()), raws.get(row)) for row in rows}
    if source.format != "csv":
        return cells
    return {row: Cell(cell.value or None, cell.raw) for row, cell in cells.items()}


def is_written_alike(source: Source, about: dict[str, Any]) -> bool:
    """Tell whether a file is written like the input that run.json tells of, so that cells fit."""
    if source.format != about.get("format"):
        return False
    known: dict[str, Any] = about.get("dialect") or {}
    dialect = {} if source.dialect is None else asdict(source.dialect)
    return all(dialect.get(key) == known.get(key) for key in ("delimiter", "quote"))


def _raw_cells(path: Path, source: Source, column: str, rows: set[int]) -> dict[int, str]:
    if source.format not in ("csv", "jsonl", "json"):
        return {}
    plain = plain_bytes(read_bytes(path), source.name, source.inside)
    found = {}
    if source.dialect is not None:
        records = locate_cells(plain, source.dialect, source.name, skip_bad=source.skips_bad)
        k = source.columns.index(column)
        for row in rows:
            cell = records.data[int(records.starts[row, k]) : int(records.ends[row, k])]
            found[row] = cell.decode(errors="replace")
        return found
    for row, line in enumerate(_objects(plain, source), 1):
        if row in rows:
            first, last = value_spans(line).get(column, (0, 0))
            found[row] = line[first:last]
    return found


def _objects(plain: bytes, source: Source) -> Iterator[str]:
    """Yield the JSON object of every row, as it is written."""
    data = decode_text(plain, source.name).data
    if source.format == "json":
        document = data.decode()
        yield from (document[start:end] for start, end in object_spans(document, source.name))
    else:
        yield from (data[start:end].decode() for start, end in row_spans(data, source.bad))


def cell_text(value: Any) -> str | None:
    """Return a value as text; None where there is nothing."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, float) and not math.isnan(value) and value.is_integer():
        return str(int(value))
    return str(value)
