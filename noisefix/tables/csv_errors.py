"""What is wrong with a malformed CSV file, where, and what to do, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.errors import DataError

if TYPE_CHECKING:
    from noisefix.tables.csv_records import Fields


class MalformedQuoteError(Exception):
    """A quoted field that does not end as it must.

    Attributes:
        opened: offset of the opening quote.
        closed: offset of the quote that closes it too early; None when nothing closes it.
    """

    def __init__(self, opened: int, closed: int | None) -> None:
        super().__init__(opened, closed)
        self.opened = opened
        self.closed = closed


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


def quote_error(
    error: MalformedQuoteError,
    data: bytes,
    before: Fields,
    quote: str,
    name: str,
    origin: Origin = WHOLE,
) -> DataError:
    """Word the error for a quote that does not close its field.

    Args:
        error: where the quote opens and closes.
        data: the whole file, as UTF-8.
        before: the fields up to the opening quote; the field it opens is the last of them.
        quote: the quote character.
        name: the file.
        origin: where in the file the data lies.
    """
    record = len(before.record_lasts) - 1
    column = int(before.counts[record]) - 1
    width = int(before.record_lasts[0]) + 1
    spans = zip(before.starts[:width].tolist(), before.ends[:width].tolist(), strict=True)
    names = [data[s:e].decode(errors="replace").strip(quote) for s, e in spans]
    place = place_name(data, record, column, error.opened, names, origin)
    if error.closed is None:
        return DataError(
            f"{name}: the quote opened at {place} is never closed",
            f"close it, or double it ({quote * 2}) inside a quoted cell if it is part of the text",
        )
    return DataError(
        f"{name}: the quote opened at {place} is closed on line "
        f"{line_number(data, error.closed) + origin.lines}, but more text follows in the cell",
        f"double the quotes ({quote * 2}) that are part of a quoted cell's text; or the quote "
        f"on line {line_number(data, error.opened) + origin.lines} was meant to be closed earlier",
    )


def ragged_error(
    record: int,
    n_ragged: int,
    data: bytes,
    fields: Fields,
    delimiter: str,
    name: str,
    origin: Origin = WHOLE,
) -> DataError:
    """Word the error for rows that are longer or shorter than the header.

    Args:
        record: the first such record.
        n_ragged: how many there are, as far as is known.
        data: the whole file, as UTF-8.
        fields: the fields of all records.
        delimiter: what separates the fields.
        name: the file.
        origin: where in the file the data lies.
    """
    line = line_number(data, int(fields.starts[fields.record_firsts[record]])) + origin.lines
    more = f" ({n_ragged} rows are wrong in this way)" if n_ragged > 1 else ""
    shown = {"\t": "a tab"}.get(delimiter, repr(delimiter))
    return DataError(
        f"{name}: row {record + origin.rows} (line {line}): found {int(fields.counts[record])} "
        f"fields, expected {int(fields.counts[0])}{more}",
        f"put cells that hold {shown} or a line break in quotes, or mend that line",
    )


def line_number(data: bytes, offset: int) -> int:
    """Return the number of the line an offset lies in, 1 = first."""
    line_end = b"\n" if b"\n" in data else b"\r"
    return data.count(line_end, 0, offset) + 1


def column_names(header: list[str], name: str) -> tuple[str, ...]:
    """Check the header's names.

    A blank first name is what pandas writes above its index; it is called "Unnamed: 0" here too.

    Raises:
        DataError: a doubled name, or a blank one elsewhere.
    """
    names = list(header)
    if len(names) > 1 and not names[0].strip() and "Unnamed: 0" not in names:
        names[0] = "Unnamed: 0"
    blank = [k + 1 for k, column in enumerate(names) if not column.strip()]
    if blank:
        raise DataError(
            f"{name}: the header has no name for column {', '.join(map(str, blank[:5]))} "
            f"of {len(names)}",
            "give every column a name in the first line",
        )
    values, counts = np.unique(np.array(names, dtype=object), return_counts=True)
    for doubled in values[counts > 1].tolist():
        at = [str(k + 1) for k, column in enumerate(names) if column == doubled]
        raise DataError(
            f"{name}: column {doubled!r} appears {len(at)} times in the header "
            f"(columns {', '.join(at)})",
            "rename or remove one of them; or put a line with names in front, if this line is data",
        )
    return tuple(names)
