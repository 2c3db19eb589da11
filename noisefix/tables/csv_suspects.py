"""Records of a CSV file that have the right number of fields and are wrong all the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisefix.errors import DataError
from noisefix.tables.csv_fields import Fields, Grammar, quote_offsets

LOST_DELIMITER = (
    "a cell without quotes has a quote inside, and a later cell ends in one: the cells have shifted"
)
MIXED_QUOTES = "a quoted cell runs over several lines, and another cell has a lone quote"
LOST_OPENING = "a cell ends in a quote and does not begin with one"
SECOND_HEADER = "repeats the header"
MOST_ALIKE = 3
"""Where more records are half like the first one, that one is a record too, not a header."""
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Strays:
    """Quotes in fields that are not quoted, where they are not even in number.

    Attributes:
        records: (S,) records with such a field, ascending.
        shifted: those whose fields have shifted, because what was in quotes was cut at its commas.
        unopened: those with a field that ends in a quote after a letter (5" is in inches), or
            whose other fields are all quoted.
        opens: (S,) the record has such a quote between letters, and none at the end of a field.
        closes: (S,) the first such field ends in its quote.
    """

    records: np.ndarray
    shifted: frozenset[int]
    unopened: frozenset[int]
    opens: np.ndarray
    closes: np.ndarray

    def pairs(self) -> list[int]:
        """Return records that, with the one after them, look like one record cut in two."""
        if not len(self.records):
            return []
        follows = self.records[1:] == self.records[:-1] + 1
        return [int(r) for r in self.records[:-1][follows & self.opens[:-1] & self.closes[1:]]]


def find_strays(data: bytes, fields: Fields, grammar: Grammar) -> Strays:
    """Find fields with a lone quote.

    A program that writes CSV puts a cell with a quote in it into quotes. A lone quote in a field
    without is text (5" pipe), or what is left where a delimiter or a quote was lost.
    """
    none = np.empty(0, np.int64)
    nothing = Strays(none, frozenset(), frozenset(), none.astype(bool), none.astype(bool))
    buffer = np.frombuffer(data, np.uint8)
    quotes = quote_offsets(buffer, grammar)
    starts, ends = fields.starts, fields.ends
    if not len(quotes) or not len(starts):
        return nothing
    field = np.searchsorted(starts, quotes, "right") - 1
    field_of = np.maximum(field, 0)
    is_stray = (field >= 0) & (quotes < ends[field_of])
    mark = ord(grammar.quote)
    is_stray &= buffer[np.minimum(starts[field_of], len(buffer) - 1)] != mark
    quotes, field = quotes[is_stray], field[is_stray]
    if not len(quotes):
        return nothing
    fields_with, first_at, counts = np.unique(field, return_index=True, return_counts=True)
    is_odd = counts % 2 == 1
    first = quotes[first_at][is_odd]
    last = quotes[first_at + counts - 1][is_odd]
    odd = fields_with[is_odd]
    if not len(odd):
        return nothing
    closing = last == ends[odd] - 1
    inside = first < ends[odd] - 1
    record = np.searchsorted(fields.record_lasts, odd)
    records, at, n_fields = np.unique(record, return_index=True, return_counts=True)

    blank = ord(" ")
    tight = inside & (first > starts[odd]) & (buffer[np.maximum(first - 1, 0)] != blank)
    tight &= buffer[np.minimum(first + 1, len(buffer) - 1)] != blank
    shifted = set()
    opens = np.zeros(len(records), dtype=bool)
    for k in range(len(records)):
        mine = slice(at[k], at[k] + n_fields[k])
        opens[k] = bool(tight[mine].any() and not closing[mine].any())
        if n_fields[k] > 1 and closing[mine][1:].any():
            place = int(np.flatnonzero(inside[mine])[0]) if inside[mine].any() else n_fields[k]
            if closing[mine][place + 1 :].any():
                shifted.add(int(records[k]))
    before = buffer[np.maximum(last - 1, 0)]
    after_letter = closing & ~((before >= ord("0")) & (before <= ord("9")))
    unopened = set(record[after_letter].tolist())
    firsts = fields.record_firsts
    for r in set(record[closing & ~after_letter].tolist()):
        span = slice(int(firsts[r]), int(fields.record_lasts[r]) + 1)
        n_quoted = int((buffer[np.minimum(starts[span], len(buffer) - 1)] == mark).sum())
        if n_quoted and n_quoted == span.stop - span.start - 1:
            unopened.add(r)
    return Strays(records, frozenset(shifted), frozenset(unopened), opens, closing[at])


def with_line_breaks(data: bytes, fields: Fields, records: np.ndarray) -> list[int]:
    """Return those of the records that have a line end inside."""
    firsts = fields.record_firsts
    return [
        int(r)
        for r in records
        if data.find(b"\n", int(fields.starts[firsts[r]]), int(fields.ends[fields.record_lasts[r]]))
        >= 0
    ]


class HeaderCheck:
    """Tells records that are the header once more."""

    def __init__(self, header: list[bytes], quote: str, name: str) -> None:
        self._names = [_plain(cell, quote) for cell in header]
        self._quote, self._name = quote, name
        self._size = sum(map(len, header))
        self._starts = {cell[:1] for cell in self._names} | {b'"', b"'", b" ", _BOM[:1], b""}

    def candidates(self, data: bytes, fields: Fields) -> np.ndarray:
        """Return records that may be a header by their length and first letter."""
        if len(self._names) < 2 or not len(fields):
            return np.empty(0, np.int64)
        starts = fields.starts[fields.record_firsts]
        size = fields.ends[fields.record_lasts] - starts
        slack = 4 * len(self._names) + 16
        near = np.abs(size - self._size - len(self._names)) <= slack
        found = np.flatnonzero(near)
        return np.array(
            [
                r
                for r in found.tolist()
                if data[starts[r] : starts[r] + 1].lower() in self._starts and r
            ],
            dtype=np.int64,
        )

    def is_exact(self, cells: list[bytes]) -> bool:
        """Tell whether a record says what the header says, cell by cell."""
        return [_plain(cell, self._quote) for cell in cells] == self._names

    def is_header(self, cells: list[bytes], line: int) -> bool:
        """Tell whether a record is the header again.

        Raises:
            DataError: it is the header with its columns in another order: all that follows would
                be read wrongly.
        """
        if len(self._names) < 2:
            return False
        names = [_plain(cell, self._quote) for cell in cells]
        pairs = zip(names, self._names, strict=False)
        n_same = sum(a == b and a != b"" for a, b in pairs)
        if n_same >= 2 and 2 * n_same >= len(self._names):
            return True
        if names != self._names and sorted(names) == sorted(self._names) and len(set(names)) > 1:
            raise DataError(
                f"{self._name}: line {line} is the header again, with its columns in another order",
                "these are two files in one: split it there, and bring the columns into one order",
            )
        return False


def _plain(cell: bytes, quote: str) -> bytes:
    return cell.removeprefix(_BOM).strip().strip(quote.encode() or None).strip().lower()
