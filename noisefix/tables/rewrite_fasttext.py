"""Change the labels of lines for fastText: all other bytes are copied as they are."""

from __future__ import annotations

import re

from noisefix.errors import DataError
from noisefix.tables.changes import Changes, cannot_hold, refuse_new_rows
from noisefix.tables.encoding import decode_text, encode_text
from noisefix.tables.fasttext import LABEL, PREFIX, TEXT, line_places, parse_line
from noisefix.tables.source import Source


def rewrite_fasttext(raw: bytes, source: Source, changes: Changes) -> bytes:
    """Return the file with labels changed and lines left out; all other bytes stay.

    Raises:
        DataError: a label with a blank in it; a new column.
    """
    refuse_new_rows(source, changes, "lines for fastText")
    for column in changes.added:
        raise DataError(
            f"{source.name}: lines for fastText have no room for a column {column!r}",
            "change the labels instead (--strategy relabel or drop), or write a table: --format "
            "csv",
        )
    decoded = decode_text(raw, source.name)
    data = decoded.data
    left_out = {bad.line for bad in source.bad}
    pieces: list[bytes] = []
    copied = row = 0
    for number, start, end in line_places(data):
        if number in left_out:
            continue
        row += 1
        if row in changes.dropped:
            after = data.find(b"\n", end)
            pieces.append(data[copied:start])
            copied = len(data) if after < 0 else after + 1
        elif row in changes.edits:
            line = data[start:end].decode()
            new = _edited(line, row, source, changes)
            pieces += [data[copied:start], new.encode()]
            copied = end
    pieces.append(data[copied:])
    result = b"".join(pieces)
    if not data.endswith(b"\n") and len(source) in changes.dropped:
        result = result.removesuffix(b"\n").removesuffix(b"\r")
    return encode_text(result, decoded.encoding, decoded.bom, source.name)


def _edited(line: str, row: int, source: Source, changes: Changes) -> str:
    found = parse_line(line)
    edits = changes.edits[row]
    label = edits.get(LABEL, found.label)
    text = edits.get(TEXT, line[found.text_at :]) or ""
    if label is not None and (not label or re.search(r"\s|\0", label)):
        raise cannot_hold(source, row, LABEL, label, "a label of fastText has no blanks")
    if label is not None and found.label is not None:
        return PREFIX + label + line[found.label_end : found.text_at] + text
    return text if label is None else f"{PREFIX}{label} {text}"
