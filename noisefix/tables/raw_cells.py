"""Cells as they stand in their file, quotes, blanks and escapes included: to be put back so."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from noisefix.tables.atomic import read_bytes
from noisefix.tables.compression import decompress, packing_of
from noisefix.tables.csv_source import locate_cells
from noisefix.tables.encoding import decode_text
from noisefix.tables.jsonl import row_spans, value_spans
from noisefix.tables.source import Source


class Raw(str):
    """A cell's new content that is written as it is, not as a value; "" in JSON: no such key."""

    __slots__ = ()


@dataclass(frozen=True)
class Cell:
    """A cell of a file.

    Attributes:
        value: what it says, blanks and all; None where there is nothing.
        raw: how that is written; None where a format has no such thing (Parquet).
    """

    value: str | None
    raw: str | None


def read_cells(path: Path, source: Source, column: str, rows: Collection[int]) -> dict[int, Cell]:
    """Read some cells of a column as they stand in the file.

    Args:
        path: the file.
        source: what was read from it.
        column: the column's name.
        rows: row numbers, 1 = first data row.

    Returns:
        The cells by row number.

    Raises:
        DataError: the file cannot be read any more.
    """
    raws = _raw_cells(path, source, column, set(rows)) if rows else {}
    values = source.table.column(column)
    found = {row: Cell(cell_text(values[row - 1].as_py()), raws.get(row)) for row in rows}
    if source.format != "csv":
        return found
    return {row: Cell(cell.value or None, cell.raw) for row, cell in found.items()}


def is_written_alike(source: Source, about: dict[str, Any]) -> bool:
    """Tell whether a file is written like the input that run.json tells of, so that cells fit."""
    if source.format != about.get("format"):
        return False
    known: dict[str, Any] = about.get("dialect") or {}
    dialect = {} if source.dialect is None else asdict(source.dialect)
    return all(dialect.get(key) == known.get(key) for key in ("delimiter", "quote"))


def _raw_cells(path: Path, source: Source, column: str, rows: set[int]) -> dict[int, str]:
    if source.format not in ("csv", "jsonl"):
        return {}
    raw = read_bytes(path)
    packing = packing_of(raw)
    plain = raw if packing is None else decompress(raw, source.name, packing)
    found = {}
    if source.dialect is not None:
        records = locate_cells(plain, source.dialect, source.name, skip_bad=source.skips_bad)
        k = source.columns.index(column)
        for row in rows:
            cell = records.data[int(records.starts[row, k]) : int(records.ends[row, k])]
            found[row] = cell.decode(errors="replace")
        return found
    data = decode_text(plain, source.name).data
    for row, (start, end) in enumerate(row_spans(data, source.bad), 1):
        if row in rows:
            line = data[start:end].decode()
            first, last = value_spans(line).get(column, (0, 0))
            found[row] = line[first:last]
    return found


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
