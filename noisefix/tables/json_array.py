"""Read one JSON document with a list of rows, and find where each row stands in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from noisefix.errors import DataError
from noisefix.tables.content import Content
from noisefix.tables.encoding import decode_text
from noisefix.tables.json_values import (
    ColumnKinds,
    ObjectError,
    note_kinds,
    parse_object,
    parse_objects,
    rows_table,
    value_spans,
)

_FIRST_IS_NESTED = re.compile(rb'\{\s*"(?:[^"\\]|\\.)*"\s*:\s*[\[{]')
"""One line that begins so is a document: pandas writes a whole table so, in five ways."""

_RECORDS = "write a list of objects, one for each row, as pandas does: df.to_json(FILE, "
_HINT = _RECORDS + "orient='records'); or let the name end in .jsonl for one object a line"


def begins_document(start: bytes) -> bool:
    """Tell by its beginning whether a file is one JSON document, not an object a line."""
    found = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if found.startswith(b"["):
        return True
    if not found.startswith(b"{"):
        return False
    line, _, more = found.partition(b"\n")
    if more.strip():  # a document, unless the first line is an object by itself
        return not line.rstrip().endswith(b"}")
    return _FIRST_IS_NESTED.match(found) is not None


def read_json_array(raw: bytes, name: str) -> Content:
    """Read an array of JSON objects, or an object that holds one such array.

    Columns and types are those that ``read_jsonl`` would give the same objects.

    Args:
        raw: the file's bytes, not compressed.
        name: the file, for messages.

    Raises:
        DataError: not one JSON document, no array of objects or several of them, an item that is
            no object, a doubled key, broken encoding.
    """
    decoded = decode_text(raw, name)
    if decoded.bad_offset is not None and decoded.found.is_broken:
        raise DataError(
            f"{name}: byte {decoded.bad_offset + 1} is not valid UTF-8", "save the file as UTF-8"
        )
    kinds: dict[str, ColumnKinds] = {}
    rows = [row for _, _, row in _objects(decoded.data.decode(), name)]
    note_kinds(rows, kinds)
    if not kinds:
        raise DataError(f"{name}: there are no rows", "give a list of JSON objects, one a row")
    return Content(rows_table(rows, kinds))


def object_spans(document: str, name: str) -> list[tuple[int, int]]:
    """Return (start, end) in characters of every row of a document.

    Raises:
        DataError: as ``read_json_array``.
    """
    return [(start, end) for start, end, _ in _objects(document, name)]


def _objects(document: str, name: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
    at = _array_start(document, name)
    found = parse_objects(document, at)
    held: tuple[int, int, dict[str, Any]] | None = None
    number = 1
    while True:
        try:
            item = next(found, None)
        except ObjectError as error:
            raise DataError(f"{name}: item {number} of the list {error}", _HINT) from error
        if item is None:  # the one held is the end of the array
            break
        if held is not None:
            yield held
        held = item
        number += 1
    end = at if held is None else held[1]
    if document[at] == "[" and not document[:at].strip() and document[end:].strip():
        line = document.count("\n", 0, end) + 1
        raise DataError(f"{name}: more text follows the list, on line {line}", _HINT)


def _array_start(document: str, name: str) -> int:
    """Return where the array of rows begins.

    Raises:
        DataError: there is none, or more than one.
    """
    start = len(document) - len(document.lstrip())
    if document.startswith("[", start):
        return start
    try:
        whole = parse_object(document)
    except ObjectError as error:
        raise DataError(f"{name}: the document {error}", _HINT) from error
    lists = [key for key, value in whole.items() if _is_rows(value)]
    if len(lists) == 1:
        return value_spans(document)[lists[0]][0]
    if lists:
        raise DataError(
            f"{name}: several lists of objects: {', '.join(map(repr, lists))}",
            "keep one of them, such as: "
            f"jq {json.dumps('.' + json.dumps(lists[0]))} {name} > rows.json",
        )
    keys = ", ".join(map(repr, list(whole)[:5]))
    raise DataError(f"{name}: no list of objects in it; its keys: {keys}", _HINT)


def _is_rows(value: Any) -> bool:
    is_list = isinstance(value, list) and bool(value)
    return is_list and all(isinstance(item, dict) for item in value)
