"""On which line of a text file each of its rows starts, for messages that name a place."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from noisefix.tables.atomic import read_bytes
from noisefix.tables.compression import packing_of
from noisefix.tables.csv_source import locate_cells
from noisefix.tables.encoding import decode_text
from noisefix.tables.jsonl import row_spans
from noisefix.tables.source import read_source


def line_numbers(path: Path, bad_rows: str) -> np.ndarray | None:
    """Return (N,) the line on which each row starts, 1 = first; None where lines mean nothing.

    Args:
        path: the file.
        bad_rows: what is done with rows that cannot be read, "stop" or "skip".

    Raises:
        DataError: the file cannot be read.
    """
    source = read_source(path, bad_rows=bad_rows)
    raw = read_bytes(path)
    if packing_of(raw) is not None:
        return None
    line_end, first = ord("\n"), 1
    if source.dialect is not None:
        records = locate_cells(raw, source.dialect, source.name, skip_bad=source.skips_bad)
        data, starts = records.data, records.starts[1:, 0]
        first = 1 + records.origin.lines
        line_end = ord(source.dialect.terminator[-1])
    elif source.format == "jsonl":
        data = decode_text(raw, source.name).data
        starts = np.array([start for start, _ in row_spans(data, source.bad)])
    else:
        return None
    breaks = np.flatnonzero(np.frombuffer(data, np.uint8) == line_end)
    return np.asarray(np.searchsorted(breaks, starts) + first)
