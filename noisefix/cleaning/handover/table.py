"""Rows of the input, chosen, put in order and given new columns, written as a table anew."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from noisefix.tables.formulas import defused

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from noisefix.tables.source import Source


def table_bytes(
    source: Source, rows: np.ndarray, added: Mapping[str, Sequence[str]], kind: str
) -> bytes:
    """Return rows of the input with new columns, as CSV, JSON Lines or Parquet.

    CSV is UTF-8, with the input's delimiter where that is CSV too. Its new cells get an apostrophe
    in front where a spreadsheet program would take them for a formula; cells of the input stay.

    Args:
        source: the input.
        rows: (R,) positions in it, in the order in which they are written.
        added: new columns by name, a text for each row of the input.
        kind: "csv", "jsonl" or "parquet".
    """
    import pyarrow as pa

    table = source.table
    for name, values in added.items():
        cells = [defused(value) for value in values] if kind == "csv" else list(values)
        table = table.append_column(
            defused(name) if kind == "csv" else name, pa.array(cells, pa.string())
        )
    table = table.take(pa.array(rows, pa.int64()))
    if kind == "parquet":
        return _parquet(table)
    if kind == "jsonl":
        lines = (json.dumps(row, ensure_ascii=False, default=str) for row in table.to_pylist())
        return "".join(f"{line}\n" for line in lines).encode()
    return _csv(table, "," if source.dialect is None else source.dialect.delimiter)


def _parquet(table: pa.Table) -> bytes:
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.getvalue()


def _in_csv(cell: Any) -> Any:
    if isinstance(cell, list):
        return json.dumps(cell, ensure_ascii=False, default=str)
    return "" if cell is None else cell


def _csv(table: pa.Table, delimiter: str) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    writer.writerow(table.column_names)
    for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
        writer.writerow([_in_csv(cell) for cell in row])
    return file.getvalue().encode()
