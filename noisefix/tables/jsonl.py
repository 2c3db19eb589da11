"""Read JSON Lines into typed columns, and find where a value stands in its line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from noisefix.errors import DataError
from noisefix.tables.bad_rows import SKIP_HINT, BadRow, bad_rows_warning
from noisefix.tables.encoding import TextFile
from noisefix.tables.json_values import (
    ColumnKinds,
    ObjectError,
    note_kinds,
    parse_object,
    rows_table,
)

if TYPE_CHECKING:
    import pyarrow as pa


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
    warnings = text.warnings(f"line {first_bad_line(text)}", skip_bad=skip_bad)
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


def first_bad_line(text: TextFile) -> int:
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
                row = parse_object(data[start:end])
            except ObjectError as error:
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


def _hint(name: str, *, is_array: bool) -> str:
    if is_array:
        return (
            "this is one JSON array: rename it to end in .json; or make it one object a line: "
            f"jq -c '.[]' {name} > rows.jsonl"
        )
    return (
        f"one JSON object a line is needed; jq -c . {name} > rows.jsonl writes it so; {SKIP_HINT}"
    )
