"""What the bytes of a CSV file tell of a place in it: where lines end, and what its quotes do."""

from __future__ import annotations

import re

from noisefix.tables.csv_fields import Grammar
from noisefix.tables.csv_reader import Record
from noisefix.tables.csv_suspects import LOST_DELIMITER, LOST_OPENING, MIXED_QUOTES

REACH = 1 << 16
"""Bytes that are looked ahead to decide where a bad row ends."""


class Clues:
    """Questions about places in a file; all offsets are bytes.

    Args:
        data: the file.
        grammar: how it is written.

    Attributes:
        quote: the quote character; empty where quotes are text.
        delimiter: what separates fields.
    """

    def __init__(self, data: bytes, grammar: Grammar) -> None:
        self._data, self._padded = data, grammar.padded
        self.quote, self.delimiter = grammar.quote.encode(), grammar.delimiter.encode()
        self._escape, self._line_end = grammar.escape.encode(), bytes([grammar.line_end])

    def next_line(self, at: int) -> int:
        """Return where the line after a place begins."""
        found = self._data.find(self._line_end, at)
        return len(self._data) if found < 0 else found + 1

    def skip_blank(self, at: int) -> int:
        """Return where the first line that is not blank begins, from the beginning of one on."""
        while at < len(self._data):
            end = self.next_line(at)
            if self._data[at:end].removesuffix(self._line_end).strip(b"\r"):
                break
            at = end
        return at

    def n_quotes(self, text: bytes) -> int:
        """Count the quotes in a text, those behind a backslash left out."""
        if not self.quote:
            return 0
        if self._escape:
            text = re.sub(re.escape(self._escape) + b".", b"", text, flags=re.DOTALL)
        return text.count(self.quote)

    def odd_fields(self, record: Record) -> list[bytes]:
        """Return the fields without quotes around them that have an odd number inside."""
        if not self.quote or self.quote not in self._data[record.starts[0] : record.ends[-1]]:
            return []
        texts = self._texts(record)
        return [t for t in texts if not t.startswith(self.quote) and self.n_quotes(t) % 2]

    def has_stray(self, record: Record) -> bool:
        """Tell whether a field without quotes around it has one inside."""
        texts = self._texts(record)
        return any(self.quote in text and not text.startswith(self.quote) for text in texts)

    def stray_problem(self, record: Record) -> str | None:
        """Return what is wrong with a record, as its lone quotes tell; None: nothing."""
        odd = self.odd_fields(record)
        opened = False
        for text in odd:
            if opened and text.endswith(self.quote):
                return LOST_DELIMITER
            opened = opened or text.find(self.quote) < len(text) - 1
        closing = [t for t in odd if t.endswith(self.quote)]
        if any(not t[-2:-1].isdigit() for t in closing):
            return LOST_OPENING
        starts = [self._data[s : s + 1] for s in record.starts]
        if closing and len(starts) > 1 and starts.count(self.quote) == len(starts) - 1:
            return LOST_OPENING
        if odd and self._data.find(b"\n", record.starts[0], record.ends[-1]) >= 0:
            return MIXED_QUOTES
        return None

    def closes_first(self, at: int) -> bool:
        """Tell whether the first quote on a line closes a field that began on a line before."""
        end = self.next_line(at)
        first = self._data.find(self.quote, at, end) if self.quote else -1
        while first >= 0 and self._data[first + 1 : first + 2] == self.quote:
            first = self._data.find(self.quote, first + 2, end)
        if first < 0 or self.opener_like(first) or self.n_quotes(self._data[at:end]) % 2 == 0:
            return False
        return not self._data[first - 1 : first].isdigit() and self._closer_like(first)

    def is_outside(self, place: int) -> bool:
        """Tell by the next quote whether a line lies outside of quotes."""
        at = self._data.find(self.quote, place, place + REACH)
        return at < 0 or self.opener_like(at) or not self._closer_like(at)

    def opener_like(self, at: int) -> bool:
        """Tell whether a quote stands where a field begins."""
        before = self._data[max(at - 1, 0) : at]
        if self._padded and before == b" ":
            before = self._data[max(at - REACH, 0) : at].rstrip(b" ")[-1:]
        return before in (b"", self.delimiter, b"\n", b"\r")

    def _closer_like(self, at: int) -> bool:
        return self._data[at + 1 : at + 2] in (self.delimiter, b"\n", b"\r", b"")

    def _texts(self, record: Record) -> list[bytes]:
        return [self._data[s:e] for s, e in zip(record.starts, record.ends, strict=True)]
