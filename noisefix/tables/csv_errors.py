"""What is wrong with a malformed CSV file, where, and what to do, in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.errors import DataError
from noisefix.tables.bad_rows import SKIP_HINT
from noisefix.tables.csv_fields import Grammar, MalformedQuoteError

if TYPE_CHECKING:
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
    line: int,
    names: list[str],
    name: str,
    origin: Origin,
    *,
    grammar: Grammar | None = None,
    closed_line: int | None = None,
) -> DataError:
    """Word the error for a row that cannot be read.

    Args:
        bad: the row.
        n_same: how many rows are wrong in this way, as far as is known.
        line: where it begins; where a quote is to blame, the line of that quote.
        names: the header.
        name: the file.
        origin: where in the file the block of the row lies.
        grammar: how the file is written.
        closed_line: where the quote closes too early; None where nothing closes it.
    """
    grammar = grammar or Grammar()
    row = bad.before + origin.rows
    if bad.kind == "quote":
        column = repr(names[bad.column]) if bad.column < len(names) else str(bad.column + 1)
        place = f"row {row} (line {line}), column {column}"
        message, hint = _quote_words(place, line, closed_line, grammar.quote)
    elif bad.kind == "fields":
        more = f" ({n_same} rows are wrong in this way)" if n_same > 1 else ""
        shown = {"\t": "a tab"}.get(grammar.delimiter, repr(grammar.delimiter))
        message = f"row {row} (line {line}): {bad.reason}{more}"
        hint = f"put cells that hold {shown} or a line break in quotes, or mend that line"
    else:
        message, hint = f"row {row} (line {line}): {bad.reason}", "mend that line"
    return DataError(f"{name}: {message}", f"{hint}; {SKIP_HINT}")


def header_quote_error(
    error: MalformedQuoteError, column: int, line_at: Callable[[int], int], quote: str, name: str
) -> DataError:
    """Word the error for a quote in the header that does not close its field."""
    line = line_at(error.opened)
    closed = None if error.closed is None else line_at(error.closed)
    message, hint = _quote_words(f"the header, column {column + 1}", line, closed, quote)
    return DataError(f"{name}: {message}", hint)


def reason_of(bad: BadSpan, line_at: Callable[[int], int]) -> str:
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
