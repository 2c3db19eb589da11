"""Find every record and field of a CSV file, strictly, as spans of bytes.

Reading and rewriting both go through here, so they cannot disagree on where a cell is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.tables.bad_rows import BadRow
from noisefix.tables.csv_errors import (
    WHOLE,
    Origin,
    place_name,
)
from noisefix.tables.csv_fields import Grammar

if TYPE_CHECKING:
    import pyarrow as pa


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
            raw = self._unquote(raw[1:-1])
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
                values[row] = self._unquote(values[row])
        return pa.array(values, pa.large_binary()).view(pa.large_string())

    def place(self, offset: int) -> str:
        """Say in words where an offset lies, e.g. "row 3 (line 5), column 'text'"."""
        record = min(int(np.searchsorted(self.record_ends, offset, "right")), len(self.starts) - 1)
        column = int(np.searchsorted(self.starts[record], offset, "right")) - 1
        return place_name(self.data, record, max(column, 0), offset, self.header(), self.origin)

    def _unquote(self, raw: bytes) -> bytes:
        return unquote(raw, self.grammar)


def unquote(raw: bytes, grammar: Grammar) -> bytes:
    """Return what a quoted field says, given what stands between its quotes."""
    quote, escape = grammar.quote.encode(), grammar.escape.encode()
    if not escape:
        return raw.replace(quote * 2, quote)
    q, e = re.escape(quote), re.escape(escape)
    return re.sub(e + b"([" + q + e + b"])|" + q + b"(" + q + b")", rb"\1\2", raw)
