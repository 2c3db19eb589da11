"""Objects of JSON: read strictly, brought into typed columns, and where their values stand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from json.decoder import JSONDecoder, scanstring  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

KINDS_KEY = b"noisefix_json_kinds"
_WHITESPACE = " \t\r\n"
_INT64 = range(-(2**63), 2**63)
_EXACT_FLOAT = 2**53
_DEEPEST = 200
"""Levels of a JSON value: Python reads some hundreds, and writing takes as many again."""


class ObjectError(Exception):
    """What is wrong with an object, to follow its place in a sentence."""


def parse_object(text: bytes | str) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ObjectError: it is none, is nested too deeply, or has a key twice.
    """
    try:
        row = json.loads(text, object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        raise _reason(error) from error
    n_brackets = text.count(b"[") + text.count(b"{") if isinstance(text, bytes) else len(text)
    return _checked(row, n_brackets)


def parse_objects(text: str, at: int) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Read the objects of a JSON array, one by one.

    Args:
        text: a document.
        at: where the array begins.

    Yields:
        (start, end, object): where it stands in the document, and what it says. After the last
        one (end of the array, end of the array, {}).

    Raises:
        ObjectError: what comes next is no object, or the array is not closed.
    """
    decoder = JSONDecoder(object_pairs_hook=_without_doubles)
    at = _skip(text, at + 1)
    while text[at : at + 1] != "]":
        try:
            row, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise _reason(error) from error
        yield at, end, _checked(row, end - at)
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
            if text[at : at + 1] == "]":
                raise ObjectError("is not there: a comma stands before the end of the array")
        elif text[at : at + 1] != "]":
            what = "the array is not closed: it is cut short" if at >= len(text) else "no comma"
            raise ObjectError(f"is not valid JSON: {what}")
    yield at, at + 1, {}


def _checked(row: Any, n_brackets: int) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise ObjectError(f"is a JSON {_kind(row)}, not an object")
    if n_brackets > _DEEPEST and _depth(row) > _DEEPEST:
        raise ObjectError(f"is nested more than {_DEEPEST} levels deep")
    for key in row:
        if not key.isascii() and _without_lone_surrogates(key) != key:
            raise ObjectError("has a key with half a character in it (a lone surrogate)")
    return row


def _reason(error: ValueError | RecursionError) -> ObjectError:
    if isinstance(error, json.JSONDecodeError):
        place = f"column {error.colno}" if error.lineno == 1 else f"line {error.lineno}"
        return ObjectError(f"is not valid JSON: {error.msg}, {place}")
    if isinstance(error, RecursionError):
        return ObjectError("is not valid JSON: it is nested too deeply")
    return ObjectError(f"is not valid JSON: {str(error).partition(';')[0]}")


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


def _depth(value: Any) -> int:
    """Return how many levels of lists and objects there are, without a call for each."""
    depth, level = 0, [value]
    while level:
        depth += 1
        parts = (list(v.values()) if isinstance(v, dict) else v for v in level)
        level = [inner for part in parts for inner in part if isinstance(inner, dict | list)]
    return depth


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
