"""Read one record of a CSV file from any offset, by the strict grammar."""

from __future__ import annotations

import re
from dataclasses import dataclass

from noisefix.tables.csv_fields import Grammar


@dataclass(frozen=True)
class Problem:
    """What is wrong with a record.

    Attributes:
        reason: in words.
        kind: "fields", "quote" or "other".
        opened: of "quote": offset of the opening quote.
        closed: offset of the quote that closes it too early; None when nothing closes it.
        column: of "quote": place of the field, 0 = first.
        found: of "fields": how many there are.
    """

    reason: str
    kind: str = "other"
    opened: int = 0
    closed: int | None = None
    column: int = 0
    found: int = 0


@dataclass(frozen=True)
class Record:
    """Where the fields of a record lie, and where the next one begins."""

    starts: list[int]
    ends: list[int]
    end: int  # after the line end


class Reader:
    """Reads one record from any offset, by the strict grammar.

    Args:
        data: the file.
        grammar: how it is written.
        any_end: a lone CR ends a line too, and LF does in a file of CRs.
    """

    def __init__(self, data: bytes, grammar: Grammar, *, any_end: bool) -> None:
        self._data = data
        self._padded = grammar.padded
        self._delimiter = grammar.delimiter.encode()
        self._quote = grammar.quote.encode()
        ends = "\r\n" if any_end else chr(grammar.line_end)
        mark = re.escape(grammar.delimiter)
        self._plain = re.compile(f"[^{mark}{ends}]*+".encode())
        line_end = r"\r*\n|\r" if any_end else (r"\r*\n" if ends == "\n" else r"\r")
        self._line_end = re.compile(line_end.encode())
        q = re.escape(grammar.quote)
        e = re.escape(grammar.escape)
        pair = rf"{q}{q}|{e}." if e else f"{q}{q}"
        body = rf"{q}[^{q}{e}]*+(?:(?:{pair})[^{q}{e}]*+)*+{q}"
        self._quoted = re.compile(body.encode(), re.DOTALL) if q else None

    def read(self, at: int, reach: int | None) -> Record | Problem:
        """Read the record that begins at an offset; quoted fields end within ``reach`` bytes."""
        data = self._data
        size = len(data)
        starts: list[int] = []
        ends: list[int] = []
        while True:
            if self._padded:
                while data[at : at + 1] == b" ":
                    at += 1
            starts.append(at)
            if self._quoted is not None and data[at : at + 1] == self._quote:
                limit = size if reach is None else min(size, at + reach)
                found = self._quoted.match(data, at, limit)
                column = len(starts) - 1
                if found is None:
                    return Problem("a quote that is never closed", "quote", at, None, column)
                end = found.end()
                if not self._may_follow(end):
                    reason = "text after the closing quote of a cell"
                    return Problem(reason, "quote", at, end - 1, column)
            else:
                match = self._plain.match(data, at)
                assert match is not None
                end = match.end()
            ends.append(end)
            if data[end : end + 1] == self._delimiter:
                at = end + 1
                continue
            after = self._line_end.match(data, end)
            stop = size if after is None else after.end()
            if after is not None and after[0].endswith(b"\n"):
                while ends[-1] > starts[-1] and data[ends[-1] - 1] == 0x0D:
                    ends[-1] -= 1
            return Record(starts, ends, stop)

    def _may_follow(self, end: int) -> bool:
        if end == len(self._data) or self._data[end : end + 1] == self._delimiter:
            return True
        return self._line_end.match(self._data, end) is not None
