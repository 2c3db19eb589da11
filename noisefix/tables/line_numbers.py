"""On which line of a text file each of its rows starts, for messages that name a place."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from noisefix.tables.atomic import read_bytes
from noisefix.tables.csv_source import locate_cells
from noisefix.tables.encoding import decode_text
from noisefix.tables.fasttext import line_places
from noisefix.tables.json_array import object_spans
from noisefix.tables.jsonl import row_spans
from noisefix.tables.source import Source
from noisefix.tables.wrapped import plain_bytes


def line_numbers(source: Source, path: Path) -> np.ndarray | None:
    """Return (N,) the line on which each row starts, 1 = first; None where lines mean nothing.

    Args:
        source: what was read from the file.
        path: the file.

    Raises:
        DataError: the file cannot be read.
    """
    raw = read_bytes(path)
    if plain_bytes(raw, source.name, source.inside) != raw:
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
    elif source.format == "fasttext":
        data, bad = decode_text(raw, source.name).data, {row.line for row in source.bad}
        starts = np.array([start for line, start, _ in line_places(data) if line not in bad])
    elif source.format == "json":
        data = decode_text(raw, source.name).data
        document = data.decode()
        starts = _byte_offsets(document, [s for s, _ in object_spans(document, source.name)])
    else:
        return None
    breaks = np.flatnonzero(np.frombuffer(data, np.uint8) == line_end)
    return np.asarray(np.searchsorted(breaks, starts) + first)


def _byte_offsets(text: str, places: list[int]) -> np.ndarray:
    """Return where characters of a text lie in its UTF-8, places in rising order."""
    found, at, done = [], 0, 0
    for place in places:
        at += len(text[done:place].encode())
        done = place
        found.append(at)
    return np.array(found)
