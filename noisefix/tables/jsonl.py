"""Read JSON Lines into typed columns, and find where a value stands in its line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from json.decoder import JSONDecoder, scanstring  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

from noisefix.errors import DataError
from noisefix.tables.encoding import broken_utf8_error, decode_text, encoding_warning

if TYPE_CHECKING:
    import pyarrow as pa

KINDS_KEY = b"noisefix_json_kinds"
_WHITESPACE = " \t\r"
_INT64 = range(-(2**63), 2**63)
_EXACT_FLOAT = 2**53


def read_jsonl(raw: bytes, name: str) -> tuple[pa.Table, list[str]]:
    """Read a file with one JSON object a line.

    Columns come in the order of their first appearance; a key missing in a line is null. A column
    of one kind of value keeps its type; mixed and nested values become text (strings as they are,
    anything else as JSON), and the kinds met are in the field's metadata under ``KINDS_KEY``.

    Args:
        raw: the file's bytes, not compressed.
        name: the file, for messages.

    Returns:
        The table (N rows) and warnings.

    Raises:
        DataError: a line that is no JSON object, a doubled key, an empty file, broken encoding.
    """
    import pyarrow as pa

    decoded = decode_text(raw, name)
    warnings = []
    if decoded.bad_offset is not None:
        line = decoded.data.count(b"\n", 0, decoded.bad_offset) + 1
        if decoded.is_broken:
            raise broken_utf8_error(decoded, name, f"line {line}")
        warnings.append(encoding_warning(decoded, name, f"line {line}"))
    values: dict[str, list[Any]] = {}
    n_rows = 0
    for start, end in line_spans(decoded.data):
        row = _parse_line(decoded.data[start:end], start, decoded.data, name)
        for key, value in row.items():
            column = values.get(key)
            if column is None:
                column = values[key] = []
            if len(column) < n_rows:
                column.extend([None] * (n_rows - len(column)))
            column.append(value)
        n_rows += 1
    if not values:
        raise DataError(f"{name}: there are no rows", "give a file with one JSON object a line")
    fields, arrays = [], []
    for key, column in values.items():
        column.extend([None] * (n_rows - len(column)))
        array, kinds = _typed(column)
        arrays.append(array)
        metadata = {KINDS_KEY: ",".join(kinds).encode()}
        fields.append(pa.field(key, array.type, metadata=metadata))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields)), warnings


def line_spans(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of every line that is not blank, without its line end."""
    start = 0
    while start < len(data):
        newline = data.find(b"\n", start)
        end = len(data) if newline < 0 else newline
        if data[start:end].strip():
            yield start, end - (data[end - 1 : end] == b"\r")
        start = end + 1


def value_spans(line: str) -> dict[str, tuple[int, int]]:
    """Return where each top-level value of a JSON object stands.

    Args:
        line: a JSON object, known to be valid.

    Returns:
        (start, end) in characters, by key.
    """
    decoder = JSONDecoder()
    spans = {}
    at = _skip(line, line.index("{") + 1)
    while line[at] != "}":
        key, at = scanstring(line, at + 1, True)
        at = _skip(line, _skip(line, at) + 1)
        _, end = decoder.raw_decode(line, at)
        spans[key] = (at, end)
        at = _skip(line, end)
        if line[at] == ",":
            at = _skip(line, at + 1)
    return spans


def _skip(line: str, at: int) -> int:
    while at < len(line) and line[at] in _WHITESPACE:
        at += 1
    return at


def _parse_line(line: bytes, start: int, data: bytes, name: str) -> dict[str, Any]:
    try:
        row = json.loads(line, object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        number = data.count(b"\n", 0, start) + 1
        reason = (
            f"{error.msg}, column {error.colno}"
            if isinstance(error, json.JSONDecodeError)
            else str(error)
        )
        raise DataError(
            f"{name}: line {number} is not valid JSON: {reason}", _hint(data, name)
        ) from error
    if not isinstance(row, dict):
        number = data.count(b"\n", 0, start) + 1
        raise DataError(
            f"{name}: line {number} is a JSON {_kind(row)}, not an object", _hint(data, name)
        )
    return row


def _hint(data: bytes, name: str) -> str:
    if data.lstrip().startswith(b"["):
        return f"this is one JSON array; make it one object a line: jq -c '.[]' {name} > rows.jsonl"
    return f"one JSON object a line is needed; jq -c . {name} > rows.jsonl writes it so"


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        seen: set[str] = set()
        doubled = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {doubled!r} appears twice")
    return row


def _kind(value: Any) -> str:
    kinds = {bool: "bool", int: "int", float: "float", str: "str", list: "array", dict: "object"}
    return kinds.get(type(value), "null")


def _typed(column: list[Any]) -> tuple[pa.Array, list[str]]:
    import pyarrow as pa

    kinds = sorted({_kind(value) for value in column if value is not None})
    types = {"bool": pa.bool_(), "float": pa.float64()}
    if not kinds:
        return pa.nulls(len(column)), kinds
    if kinds == ["int"] and all(value is None or value in _INT64 for value in column):
        return pa.array(column, pa.int64()), kinds
    if len(kinds) == 1 and kinds[0] in ("bool", "float"):
        return pa.array(column, types[kinds[0]]), kinds
    if kinds == ["float", "int"] and all(
        not isinstance(value, int) or abs(value) <= _EXACT_FLOAT for value in column
    ):
        return pa.array(column, pa.float64()), kinds
    texts = [
        value if value is None or isinstance(value, str) else _as_json(value) for value in column
    ]
    try:
        return pa.array(texts, pa.large_string()), kinds
    except UnicodeEncodeError:
        return pa.array(
            [_without_lone_surrogates(text) for text in texts], pa.large_string()
        ), kinds


def _without_lone_surrogates(text: str | None) -> str | None:
    """Replace what JSON escapes can say but UTF-8 cannot, half a surrogate pair, by U+FFFD."""
    if text is None:
        return None
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
