"""The records and fields of a CSV file as spans of bytes, and what is wrong with one, in words.

Reading and rewriting both go through here, so they cannot disagree on where a cell is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.errors import DataError
from noisefix.tables.bad_rows import SKIP_HINT, BadRow
from noisefix.tables.csv_fields import Grammar, MalformedQuoteError

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.tables.csv_reader import Problem
    from noisefix.tables.csv_recovery import BadSpan


@dataclass(frozen=True)
class Origin:
    """Where in its file a block lies whose first record is a copy of the header.

    Attributes:
        rows: data rows before the block.
        lines: lines before the block, less those of the copied header.
    """

    rows: int = 0
    lines: int = 0


WHOLE = Origin()


@dataclass(frozen=True)
class CsvRecords:
    """Where the fields of a CSV file lie; record 0 is the header.

    Attributes:
        data: the file as UTF-8, without a byte order mark.
        starts: (R, C) int64 offset of each field's first byte, its quote included.
        ends: (R, C) int64 offset after each field's last byte, its quote included.
        record_ends: (R,) int64 offset after each record's line end.
        grammar: how the file is written.
        origin: where in the file the data lies.
        end: offset after the last row, good or bad.
        bad: the rows left out.
        remarks: (what, line) of doubtful places that were read all the same.
    """

    data: bytes
    starts: np.ndarray
    ends: np.ndarray
    record_ends: np.ndarray
    grammar: Grammar
    origin: Origin = WHOLE
    end: int = 0
    bad: tuple[BadRow, ...] = ()
    remarks: tuple[tuple[str, int], ...] = ()

    def __len__(self) -> int:
        return max(len(self.starts) - 1, 0)

    def is_quoted(self, record: int | slice, column: int | slice) -> np.ndarray:
        """Tell which of the fields are quoted."""
        starts, ends = self.starts[record, column], self.ends[record, column]
        quote = self.grammar.quote
        if not quote or not self.data:
            return np.zeros(np.shape(starts), dtype=bool)
        buffer = np.frombuffer(self.data, np.uint8)
        first = buffer[np.minimum(starts, len(buffer) - 1)]
        return np.asarray((ends > starts) & (first == ord(quote)))

    def value(self, record: int, column: int) -> str:
        """Return one field's value."""
        raw = self.data[self.starts[record, column] : self.ends[record, column]]
        if self.is_quoted(record, column):
            raw = unquote(raw[1:-1], self.grammar)
        return raw.decode(errors="replace")

    def header(self) -> list[str]:
        """Return the values of the header record."""
        return [self.value(0, column) for column in range(self.starts.shape[1])]

    def column(self, column: int) -> pa.LargeStringArray:
        """Return the values of a column, header left out, as (R - 1,) large_string."""
        import pyarrow as pa

        quoted = self.is_quoted(slice(1, None), column)
        starts = self.starts[1:, column] + quoted
        ends = self.ends[1:, column] - quoted
        data = self.data
        values = [data[s:e] for s, e in zip(starts.tolist(), ends.tolist(), strict=True)]
        marks = ((self.grammar.quote * 2).encode(), self.grammar.escape.encode() or None)
        for row in np.flatnonzero(quoted).tolist():
            if any(mark is not None and mark in values[row] for mark in marks):
                values[row] = unquote(values[row], self.grammar)
        return pa.array(values, pa.large_binary()).view(pa.large_string())

    def place(self, offset: int) -> str:
        """Say in words where an offset lies, e.g. "row 3 (line 5), column 'text'"."""
        record = min(int(np.searchsorted(self.record_ends, offset, "right")), len(self.starts) - 1)
        column = int(np.searchsorted(self.starts[record], offset, "right")) - 1
        return place_name(self.data, record, max(column, 0), offset, self.header(), self.origin)


def unquote(raw: bytes, grammar: Grammar) -> bytes:
    """Return what a quoted field says, given what stands between its quotes."""
    quote, escape = grammar.quote.encode(), grammar.escape.encode()
    if not escape:
        return raw.replace(quote * 2, quote)
    q, e = re.escape(quote), re.escape(escape)
    return re.sub(e + b"([" + q + e + b"])|" + q + b"(" + q + b")", rb"\1\2", raw)


def place_name(
    data: bytes, record: int, column: int, offset: int, names: list[str], origin: Origin = WHOLE
) -> str:
    """Say in words where a field is; record 0 is the header."""
    line = line_number(data, offset) + origin.lines
    row = "the header" if record == 0 else f"row {record + origin.rows} (line {line})"
    if record == 0 or column >= len(names):
        return f"{row}, column {column + 1}"
    return f"{row}, column {names[column]!r}"


def bad_row_error(
    bad: BadSpan,
    n_same: int,
    line_at: Callable[[int], int],
    header: list[bytes],
    name: str,
    origin: Origin,
    grammar: Grammar,
) -> DataError:
    """Word the error for a row that cannot be read.

    Args:
        bad: the row.
        n_same: how many rows are wrong in this way, as far as is known.
        line_at: turns an offset into a line.
        header: its cells.
        name: the file.
        origin: where in the file the block of the row lies.
        grammar: how the file is written.
    """
    row, problem = bad.before + origin.rows, bad.problem
    line = line_at(problem.opened if problem.kind == "quote" else bad.start)
    if problem.kind == "quote":
        at, names = problem.column, [cell.decode(errors="replace") for cell in header]
        place = f"row {row} (line {line}), column {repr(names[at]) if at < len(names) else at + 1}"
        closed = None if problem.closed is None else line_at(problem.closed)
        message, hint = _quote_words(place, line, closed, grammar.quote)
    elif problem.kind == "fields":
        more = f" ({n_same} rows are wrong in this way)" if n_same > 1 else ""
        shown = {"\t": "a tab"}.get(grammar.delimiter, repr(grammar.delimiter))
        message = f"row {row} (line {line}): {problem.reason}{more}"
        hint = f"put cells that hold {shown} or a line break in quotes, or mend that line"
    else:
        message, hint = f"row {row} (line {line}): {problem.reason}", "mend that line"
    return DataError(f"{name}: {message}", f"{hint}; {SKIP_HINT}")


def header_quote_error(
    error: MalformedQuoteError, column: int, line_at: Callable[[int], int], quote: str, name: str
) -> DataError:
    """Word the error for a quote in the header that does not close its field."""
    line = line_at(error.opened)
    closed = None if error.closed is None else line_at(error.closed)
    message, hint = _quote_words(f"the header, column {column + 1}", line, closed, quote)
    return DataError(f"{name}: {message}", hint)


def reason_of(bad: Problem, line_at: Callable[[int], int]) -> str:
    """Say what is wrong with a row, without its place; ``line_at`` turns an offset into a line."""
    if bad.kind != "quote":
        return bad.reason
    opened = f"the quote opened on line {line_at(bad.opened)}"
    if bad.closed is None:
        return f"{opened} is never closed"
    return f"{opened} is closed on line {line_at(bad.closed)}, but more text follows in the cell"


def _quote_words(place: str, line: int, closed: int | None, quote: str) -> tuple[str, str]:
    if closed is None:
        return (
            f"the quote opened at {place} is never closed",
            f"close it, or double it ({quote * 2}) inside a quoted cell if it is part of the text",
        )
    return (
        f"the quote opened at {place} is closed on line {closed}, but more text follows in the "
        "cell",
        f"double the quotes ({quote * 2}) that are part of a quoted cell's text; or the quote "
        f"on line {line} was meant to be closed earlier",
    )


def line_number(data: bytes, offset: int) -> int:
    """Return the number of the line an offset lies in, 1 = first."""
    line_end = b"\n" if b"\n" in data else b"\r"
    return data.count(line_end, 0, offset) + 1


def column_names(header: list[str], name: str) -> tuple[str, ...]:
    """Check the header's names, and name columns without one as pandas does: "Unnamed: 2".

    Raises:
        DataError: a doubled name, or no name at all.
    """
    if not any(column.strip() for column in header):
        raise DataError(
            f"{name}: the header has no names", "give every column a name in the first line"
        )
    names = [
        column if column.strip() else f"Unnamed: {place}" for place, column in enumerate(header)
    ]
    values, counts = np.unique(np.array(names, dtype=object), return_counts=True)
    for doubled in values[counts > 1].tolist():
        at = [str(k + 1) for k, column in enumerate(names) if column == doubled]
        raise DataError(
            f"{name}: column {doubled!r} appears {len(at)} times in the header "
            f"(columns {', '.join(at)})",
            "rename or remove one of them; or put a line with names in front, if this line is data",
        )
    return tuple(names)
