"""Change values in JSON Lines: only the bytes of these values change."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from noisefix.tables.changes import Changes, NewRow, cannot_hold
from noisefix.tables.encoding import decode_text, encode_text
from noisefix.tables.json_array import object_spans
from noisefix.tables.json_values import KINDS_KEY, value_spans
from noisefix.tables.jsonl import row_spans
from noisefix.tables.raw_cells import Raw
from noisefix.tables.source import Source


@dataclass(frozen=True)
class _Style:
    """How the file writes JSON: ASCII escapes, and what stands between members and in them."""

    ascii_only: bool
    comma: str
    colon: str


def rewrite_jsonl(raw: bytes, source: Source, changes: Changes) -> bytes:
    """Return the file with the changes made.

    A changed value keeps its JSON type: a number stays a number, ``true`` a boolean. A null or
    missing one takes the type of its column.

    Raises:
        DataError: a value that the cell's type cannot hold.
    """
    decoded = decode_text(raw, source.name)
    data = decoded.data
    ascii_only = data.isascii()
    pieces: list[bytes] = []
    copied = last_end = 0
    spans = list(row_spans(data, source.bad))
    for row, (start, end) in enumerate(spans, 1):
        last_end = end
        if row in changes.dropped:
            after = data.find(b"\n", end)
            pieces.append(data[copied:start])
            copied = len(data) if after < 0 else after + 1
        elif row in changes.edits or changes.added:
            line = data[start:end].decode()
            new = _edit_line(line, row, source, changes, ascii_only)
            pieces += [data[copied:start], new.encode()]
            copied = end
    pieces.append(data[copied:])
    result = b"".join(pieces)
    is_last = not data[last_end:].strip()
    if is_last and not data.endswith(b"\n") and len(source) in changes.dropped:
        result = result.removesuffix(b"\n").removesuffix(b"\r")
    for added in changes.new_rows:
        start, end = spans[added.like - 1]
        made = _new_line(data[start:end].decode(), added, source, changes, ascii_only).encode()
        is_ended = result.endswith(b"\n") or not result
        line_end = b"\r\n" if b"\r\n" in data else b"\n"
        result += made + line_end if is_ended else line_end + made
    return encode_text(result, decoded.encoding, decoded.bom, source.name)


def rewrite_json_array(raw: bytes, source: Source, changes: Changes) -> bytes:
    """Return a document with the changes made in its list of rows; as ``rewrite_jsonl``.

    Rows that do not change, and all between them, stay as they are; of a row that is left out, what
    stands between it and the row before goes too.
    """
    decoded = decode_text(raw, source.name)
    document = decoded.data.decode()
    ascii_only = document.isascii()
    spans = object_spans(document, source.name)
    pieces: list[str] = []
    for row, (start, end) in enumerate(spans, 1):
        if row in changes.dropped:
            continue
        if pieces:
            pieces.append(document[spans[row - 2][1] : start])
        text = document[start:end]
        if row in changes.edits or changes.added:
            text = _edit_line(text, row, source, changes, ascii_only)
        pieces.append(text)
    between = document[spans[-2][1] : spans[-1][0]] if len(spans) > 1 else ", "
    for new in changes.new_rows:
        start, end = spans[new.like - 1]
        line = _new_line(document[start:end], new, source, changes, ascii_only)
        pieces += [between, line] if pieces else [line]
    result = "".join([document[: spans[0][0]], *pieces, document[spans[-1][1] :]])
    return encode_text(result.encode(), decoded.encoding, decoded.bom, source.name)


def _edit_line(line: str, row: int, source: Source, changes: Changes, ascii_only: bool) -> str:
    spans = value_spans(line)
    style = _style(line, spans, ascii_only)
    replacements: list[tuple[int, int, str]] = []
    appended: list[tuple[str, str]] = []
    for column, value in changes.edits.get(row, {}).items():
        if isinstance(value, Raw):
            if column in spans:
                replacements.append(_put_back(line, spans, column, value))
        elif column in spans:
            start, end = spans[column]
            old = json.loads(line[start:end])
            new = _typed(value, old, row, column, source)
            if not _same(new, old):
                replacements.append((start, end, _dump(new, style)))
        elif value is not None:
            appended.append((column, _dump(_typed(value, None, row, column, source), style)))
    for name, values in changes.added.items():
        appended.append((name, _dump(values[row - 1], style)))
    for start, end, text in sorted(replacements, reverse=True):
        line = line[:start] + text + line[end:]
    if appended:
        brace = line.rindex("}")
        members = style.comma.join(
            f"{_dump(key, style)}{style.colon}{text}" for key, text in appended
        )
        head = line[:brace].rstrip()
        line = head + (style.comma if spans else "") + members + line[len(head) :]
    return line


def _new_line(like: str, new: NewRow, source: Source, changes: Changes, ascii_only: bool) -> str:
    """Return a row with the members of another one that are kept, and those that are new."""
    spans = value_spans(like)
    style = _style(like, spans, ascii_only)
    members: list[tuple[str, str]] = []
    for column in (*spans, *(name for name in source.columns if name not in spans)):
        if column in new.kept and column in spans:
            start, end = spans[column]
            members.append((column, like[start:end]))
        elif column in new.values:
            old = json.loads(like[slice(*spans[column])]) if column in spans else None
            value = _typed(new.values[column], old, new.like, column, source)
            members.append((column, _dump(value, style)))
    members += [(name, _dump(new.values.get(name, ""), style)) for name in changes.added]
    written = (f"{_dump(key, style)}{style.colon}{text}" for key, text in members)
    return "{" + style.comma.join(written) + "}"


def _put_back(
    line: str, spans: dict[str, tuple[int, int]], column: str, raw: Raw
) -> tuple[int, int, str]:
    """Replace a value by how it was written; a key that was not there goes, comma and all."""
    start, end = spans[column]
    if raw:
        return start, end, raw
    before = [last for _, last in spans.values() if last <= start]
    if not before and len(spans) > 1:  # somebody has put other keys after it
        return start, end, "null"
    return max(before, default=line.index("{") + 1), end, ""


def _typed(value: str | None, old: Any, row: int, column: str, source: Source) -> Any:
    """Give a value the type of the cell, or of the column where the cell is empty."""
    if value is None or isinstance(old, str):
        return value
    is_list = old is None and _is_list_column(source, column)
    if isinstance(old, list) or is_list:
        return _list_or_text(value)
    kind = type(old) if old is not None else _column_kind(source, column)
    if isinstance(old, float) and math.isnan(old):
        kind = float
    try:
        if kind is bool:
            return {"true": True, "false": False}[value.lower()]
        if kind is int:
            return int(value)
        if kind is float:
            return float(value)
    except (ValueError, KeyError):
        name = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
        raise cannot_hold(source, row, column, value, f"the cell holds {name}") from None
    return value


def _list_or_text(value: str) -> Any:
    """Return the list that is written as JSON; what is none is a text."""
    try:
        found = json.loads(value)
    except ValueError:
        return value
    return found if isinstance(found, list) else value


def _is_list_column(source: Source, column: str) -> bool:
    kinds = (source.table.schema.field(column).metadata or {}).get(KINDS_KEY, b"")
    return "array" in kinds.decode().split(",")


def _column_kind(source: Source, column: str) -> type:
    from pyarrow import types

    kind = source.table.schema.field(column).type
    if types.is_boolean(kind):
        return bool
    if types.is_integer(kind):
        return int
    return float if types.is_floating(kind) else str


def _same(new: Any, old: Any) -> bool:
    return type(new) is type(old) and bool(new == old)


def _style(line: str, spans: dict[str, tuple[int, int]], ascii_only: bool) -> _Style:
    comma, colon = ", ", ": "
    ordered = sorted(spans.values())
    if ordered:
        colon = ": " if line[ordered[0][0] - 1].isspace() else ":"
    if len(ordered) > 1:
        at = line.index(",", ordered[0][1]) + 1
        comma = "," + line[at : line.index('"', at)]
    elif ordered:
        comma = "," if colon == ":" else ", "
    return _Style(ascii_only, comma, colon)


def _dump(value: Any, style: _Style) -> str:
    is_dense = (style.comma, style.colon) == (",", ":")
    separators = (",", ":") if is_dense else None  # within lists
    return json.dumps(value, ensure_ascii=style.ascii_only, separators=separators)
