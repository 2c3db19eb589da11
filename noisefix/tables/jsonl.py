"""Read JSON Lines into typed columns, and find where a value stands in its line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from json.decoder import JSONDecoder, scanstring  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

from noisefix.errors import DataError
from noisefix.tables.bad_rows import SKIP_HINT, BadRow, bad_rows_warning
from noisefix.tables.encoding import TextFile

if TYPE_CHECKING:
    import pyarrow as pa

KINDS_KEY = b"noisefix_json_kinds"
_WHITESPACE = " \t\r"
_INT64 = range(-(2**63), 2**63)
_EXACT_FLOAT = 2**53
_DEEPEST = 200
"""Levels of a JSON value: Python reads some hundreds, and writing takes as many again."""


@dataclass(frozen=True)
class JsonSurvey:
    """What one look through a file of JSON Lines found.

    Attributes:
        n_rows: rows in the file.
        kinds: the kinds of values, by column.
        warnings: what a person should know.
        bad: the lines left out.
        kept: the rows, where they were to be kept.
    """

    n_rows: int
    kinds: dict[str, ColumnKinds]
    warnings: tuple[str, ...]
    bad: tuple[BadRow, ...] = ()
    kept: Sequence[dict[str, Any]] = ()


def read_jsonl(raw: bytes, name: str, *, skip_bad: bool = False) -> tuple[pa.Table, JsonSurvey]:
    """Read a file with one JSON object a line.

    Columns come in the order of their first appearance; a key missing in a line is null. A column
    of one kind of value keeps its type; mixed and nested values become text (strings as they are,
    anything else as JSON), and the kinds met are in the field's metadata under ``KINDS_KEY``.

    Args:
        raw: the file's bytes, not compressed.
        name: the file, for messages.
        skip_bad: leave lines out that cannot be read; else the first of them is an error.

    Returns:
        The table (N rows), and what was found.

    Raises:
        DataError: a line that is no JSON object, a doubled key, an empty file, broken encoding.
    """
    survey = survey_jsonl(TextFile.whole(raw, name), skip_bad=skip_bad, keep=True)
    return rows_table(survey.kept, survey.kinds), survey


def survey_jsonl(text: TextFile, *, skip_bad: bool = False, keep: bool = False) -> JsonSurvey:
    """Look through a file: the types of its columns are settled by all of its rows.

    Args:
        text: the file.
        skip_bad: leave lines out that cannot be read; else the first of them is an error.
        keep: keep the rows.

    Raises:
        DataError: as for ``read_jsonl``.
    """
    warnings = text.warnings(f"line {_bad_line(text)}", skip_bad=skip_bad)
    bad: list[BadRow] = []
    rows: Iterable[dict[str, Any]] = json_rows(text.watched(), text.name, bad if skip_bad else None)
    kept = list(rows) if keep else []
    kinds: dict[str, ColumnKinds] = {}
    n_rows = note_kinds(kept if keep else rows, kinds)
    if bad:
        warnings.append(bad_rows_warning(bad, text.name))
    if not kinds:
        raise DataError(
            f"{text.name}: there are no rows", "give a file with one JSON object a line"
        )
    return JsonSurvey(n_rows, kinds, tuple(warnings), tuple(bad), kept)


def json_tables(
    text: TextFile, kinds: Mapping[str, ColumnKinds], n_rows: int, *, skip_bad: bool = False
) -> Iterator[pa.Table]:
    """Yield the rows again, ``n_rows`` at a time, with a column for each of ``kinds``."""
    rows = json_rows(text.chunks(), text.name, [] if skip_bad else None)
    while block := list(islice(rows, n_rows)):
        yield rows_table(block, kinds)


def _bad_line(text: TextFile) -> int:
    """Return the line of the first byte that is not UTF-8; 1 where there is none."""
    left, line = text.bad_offset or 0, 1
    for chunk in text.chunks() if left else ():
        line += chunk.count(b"\n", 0, left)
        left -= len(chunk)
        if left <= 0:
            break
    return line


def json_rows(
    chunks: Iterable[bytes], name: str, bad: list[BadRow] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the object of every line that is not blank.

    Args:
        chunks: the file as UTF-8, in pieces that may be cut anywhere.
        name: the file, for messages.
        bad: takes the lines that cannot be read; None: the first of them is an error.

    Raises:
        DataError: a line is no JSON object, or has a doubled key.
    """
    lines_before, is_array = 0, None
    for data in _whole_lines(chunks):
        if is_array is None:
            is_array = data.lstrip().startswith(b"[")
        for start, end in line_spans(data):
            try:
                row = _parse_line(data[start:end])
            except _LineError as error:
                line = lines_before + data.count(b"\n", 0, start) + 1
                if bad is None or is_array:
                    raise DataError(
                        f"{name}: line {line} {error}", _hint(name, is_array=is_array)
                    ) from error
                text = data[start:end].decode(errors="backslashreplace")
                bad.append(BadRow(line, line, f"the line {error}", text))
                continue
            yield row
        lines_before += data.count(b"\n")


def _whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut pieces anew so that every one but the last ends with a line."""
    pending: list[bytes] = []
    for chunk in chunks:
        cut = chunk.rfind(b"\n") + 1
        if cut:
            yield b"".join([*pending, chunk[:cut] if cut < len(chunk) else chunk])
            pending = []
        if cut < len(chunk):
            pending.append(chunk[cut:])
    if pending:
        yield b"".join(pending)


class ColumnKinds:
    """Which kinds of JSON value a column holds: what its type depends on."""

    def __init__(self) -> None:
        self._kinds: set[str] = set()
        self._fits_int64 = True
        self._fits_float = True

    def add(self, value: Any) -> None:
        """Take note of a value."""
        if value is None:
            return
        kind = _kind(value)
        self._kinds.add(kind)
        if kind == "int":
            self._fits_int64 = self._fits_int64 and value in _INT64
            self._fits_float = self._fits_float and abs(value) <= _EXACT_FLOAT

    @property
    def names(self) -> list[str]:
        """The kinds, in alphabetical order."""
        return sorted(self._kinds)

    def type(self) -> pa.DataType:
        """Return the Arrow type that holds them all as they are, else large_string."""
        import pyarrow as pa

        kinds = self.names
        if not kinds:
            return pa.null()
        if kinds == ["bool"]:
            return pa.bool_()
        if kinds == ["int"] and self._fits_int64:
            return pa.int64()
        if kinds == ["float"] or (kinds == ["float", "int"] and self._fits_float):
            return pa.float64()
        return pa.large_string()


def note_kinds(rows: Iterable[dict[str, Any]], kinds: dict[str, ColumnKinds]) -> int:
    """Add the columns and kinds of rows to those known; return how many rows there were."""
    n_rows = 0
    for row in rows:
        n_rows += 1
        for key, value in row.items():
            if key not in kinds:
                kinds[key] = ColumnKinds()
            kinds[key].add(value)
    return n_rows


def rows_table(rows: Sequence[dict[str, Any]], kinds: Mapping[str, ColumnKinds]) -> pa.Table:
    """Return rows as a table with a column for each of ``kinds``; a missing key is null."""
    import pyarrow as pa

    fields, arrays = [], []
    for key, found in kinds.items():
        array = _typed([row.get(key) for row in rows], found.type())
        arrays.append(array)
        metadata = {KINDS_KEY: ",".join(found.names).encode()}
        fields.append(pa.field(key, array.type, metadata=metadata))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def line_spans(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of every line that is not blank, without its line end."""
    start = 0
    while start < len(data):
        newline = data.find(b"\n", start)
        end = len(data) if newline < 0 else newline
        if data[start:end].strip():
            yield start, end - (data[end - 1 : end] == b"\r")
        start = end + 1


def row_spans(data: bytes, bad: Sequence[BadRow]) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of every line that is a row: neither blank nor among those left out."""
    left_out = {row.line for row in bad}
    line, counted = 1, 0
    for start, end in line_spans(data):
        line += data.count(b"\n", counted, start)
        counted = start
        if line not in left_out:
            yield start, end


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


class _LineError(Exception):
    """What is wrong with a line."""


def _parse_line(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line, object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        reason = (
            f"{error.msg}, column {error.colno}"
            if isinstance(error, json.JSONDecodeError)
            else "it is nested too deeply"
            if isinstance(error, RecursionError)
            else str(error).partition(";")[0]
        )
        raise _LineError(f"is not valid JSON: {reason}") from error
    if not isinstance(row, dict):
        raise _LineError(f"is a JSON {_kind(row)}, not an object")
    if line.count(b"[") + line.count(b"{") > _DEEPEST and _depth(row) > _DEEPEST:
        raise _LineError(f"is nested more than {_DEEPEST} levels deep")
    for key in row:
        if not key.isascii() and _without_lone_surrogates(key) != key:
            raise _LineError("has a key with half a character in it (a lone surrogate)")
    return row


def _depth(value: Any) -> int:
    """Return how many levels of lists and objects there are, without a call for each."""
    depth, level = 0, [value]
    while level:
        depth += 1
        parts = (list(v.values()) if isinstance(v, dict) else v for v in level)
        level = [inner for part in parts for inner in part if isinstance(inner, dict | list)]
    return depth


def _hint(name: str, *, is_array: bool) -> str:
    if is_array:
        return f"this is one JSON array; make it one object a line: jq -c '.[]' {name} > rows.jsonl"
    return (
        f"one JSON object a line is needed; jq -c . {name} > rows.jsonl writes it so; {SKIP_HINT}"
    )


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


def _typed(column: list[Any], kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    if not pa.types.is_large_string(kind):
        return pa.array(column, kind)
    texts = [
        value if value is None or isinstance(value, str) else _as_json(value) for value in column
    ]
    try:
        return pa.array(texts, kind)
    except UnicodeEncodeError:
        return pa.array([_without_lone_surrogates(text) for text in texts], kind)


def _without_lone_surrogates(text: str | None) -> str | None:
    """Replace what JSON escapes can say but UTF-8 cannot, half a surrogate pair, by U+FFFD."""
    if text is None:
        return None
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
