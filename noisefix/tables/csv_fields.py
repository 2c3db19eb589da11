"""Split a whole CSV file into fields at once, and find the quotes that stand where none should.

The grammar is RFC 4180 with what files in the wild need: a field that starts with the quote
character runs to the matching one (doubled inside, or after a backslash where that is the file's
way), in any other field quotes are text. Lines end with LF or CR LF; a lone CR is text, unless the
file has no LF at all. Blank lines are no records.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_LF, _CR, _BLANK = 0x0A, 0x0D, 0x20


@dataclass(frozen=True)
class Grammar:
    """What separates the fields of a CSV file.

    Attributes:
        delimiter: one ASCII character.
        quote: one ASCII character, or empty: quotes are text.
        terminator: CR for files whose lines end with a lone CR; else LF and CR LF both end lines.
        escape: a backslash where it makes a quote in a quoted field part of the text; else empty.
        padded: blanks after a delimiter belong to it, not to the field.
    """

    delimiter: str = ","
    quote: str = '"'
    terminator: str = "\n"
    escape: str = ""
    padded: bool = False

    @property
    def line_end(self) -> int:
        """The byte that ends a line."""
        return _CR if self.terminator == "\r" else _LF


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
class Fields:
    """Fields in file order, before anybody asked whether the records are equally long.

    Attributes:
        starts: (F,) offset of each field.
        ends: (F,) offset after each field.
        record_lasts: (R,) index of each record's last field.
        record_ends: (R,) offset after each record's line end.
    """

    starts: np.ndarray
    ends: np.ndarray
    record_lasts: np.ndarray
    record_ends: np.ndarray

    def __len__(self) -> int:
        return len(self.record_lasts)

    @property
    def record_firsts(self) -> np.ndarray:
        """(R,) index of each record's first field."""
        return np.concatenate(([0], self.record_lasts[:-1] + 1)).astype(np.int64)[
            : len(self.record_lasts)
        ]

    @property
    def counts(self) -> np.ndarray:
        """(R,) number of fields of each record."""
        return np.asarray(self.record_lasts - self.record_firsts + 1)

    def first(self, n_records: int) -> Fields:
        """Keep the first records only."""
        n_fields = int(self.record_lasts[n_records - 1]) + 1 if n_records else 0
        return Fields(
            self.starts[:n_fields],
            self.ends[:n_fields],
            self.record_lasts[:n_records],
            self.record_ends[:n_records],
        )


def split_fields(data: bytes, grammar: Grammar) -> Fields:
    """Split at every delimiter and line end outside of quotes; blank lines are left out.

    Raises:
        MalformedQuoteError: a quoted field without a proper end.
    """
    buffer = np.frombuffer(data, np.uint8)
    line_end = grammar.line_end
    separators = np.flatnonzero((buffer == ord(grammar.delimiter)) | (buffer == line_end))
    opens, closes = _quoted_spans(data, buffer, grammar)
    if len(opens):
        before = np.searchsorted(opens, separators) - 1
        inside = (before >= 0) & (separators < closes[np.maximum(before, 0)])
        separators = separators[~inside]
    is_last = buffer[separators] == line_end
    record_ends = separators + 1
    if len(data) and not (len(is_last) and is_last[-1] and separators[-1] == len(data) - 1):
        separators = np.append(separators, len(data))
        is_last = np.append(is_last, True)
        record_ends = np.append(record_ends, len(data))
    starts = np.concatenate(([0], separators[:-1] + 1)).astype(np.int64)[: len(separators)]
    ends = separators.astype(np.int64)
    if line_end == _LF and len(data):
        has_cr = is_last & (ends > starts) & (ends < len(data))
        while (has_cr := has_cr & (ends > starts) & (buffer[ends - 1] == _CR)).any():
            ends = ends - has_cr  # more than one where a file went through two conversions
    if grammar.padded and len(data):
        starts = np.minimum(_next_other(buffer)[np.minimum(starts, len(data) - 1)], ends)
    return _without_blank_lines(starts, ends, is_last, record_ends)


def quote_offsets(buffer: np.ndarray, grammar: Grammar) -> np.ndarray:
    """Return where quotes stand that are not escaped."""
    if not grammar.quote:
        return np.empty(0, np.int64)
    quotes = np.flatnonzero(buffer == ord(grammar.quote))
    if not grammar.escape or not len(quotes):
        return quotes
    escape = ord(grammar.escape)
    is_text = np.zeros(len(quotes), dtype=bool)
    for k in np.flatnonzero((quotes > 0) & (buffer[np.maximum(quotes - 1, 0)] == escape)).tolist():
        at = first = int(quotes[k])
        while first and buffer[first - 1] == escape:
            first -= 1
        is_text[k] = (at - first) % 2
    return quotes[~is_text]


def _next_other(buffer: np.ndarray) -> np.ndarray:
    """Return for each offset the first one from there on that holds no blank."""
    n = len(buffer)
    places = np.where(buffer == _BLANK, n, np.arange(n))
    return np.minimum.accumulate(places[::-1])[::-1]


def _without_blank_lines(
    starts: np.ndarray, ends: np.ndarray, is_last: np.ndarray, record_ends: np.ndarray
) -> Fields:
    is_first = np.concatenate(([True], is_last[:-1]))[: len(is_last)]
    blank = is_first & is_last & (starts == ends)
    if blank.any():
        keep = ~blank
        starts, ends, is_last = starts[keep], ends[keep], is_last[keep]
        record_ends = record_ends[keep]
    lasts = np.flatnonzero(is_last)
    return Fields(starts, ends, lasts, record_ends[lasts].astype(np.int64))


def _quoted_spans(
    data: bytes, buffer: np.ndarray, grammar: Grammar
) -> tuple[np.ndarray, np.ndarray]:
    """Return the offsets of the opening and the closing quote of every quoted field.

    In a well-formed file every second quote opens: that is checked for all quotes at once, and
    the first place where it does not hold goes on quote by quote.
    """
    quotes = quote_offsets(buffer, grammar)
    paired = len(quotes) // 2 * 2
    opens, closes = quotes[0:paired:2], quotes[1:paired:2]
    # A doubled quote inside a field looks like a field that ends and another that starts at once.
    joins = closes[:-1] + 1 == opens[1:]
    starts_field = np.concatenate(([True], ~joins))[: len(opens)]
    ends_field = np.concatenate((~joins, [True]))[: len(opens)]
    may_open = _may_open(data, buffer, quotes, grammar)
    bad = (starts_field & ~may_open[0:paired:2]) | (
        ends_field & ~_may_follow(buffer, closes, grammar)
    )
    wrong = np.flatnonzero(bad)
    if not len(wrong) and paired == len(quotes):
        return opens[starts_field], closes[ends_field]
    # Restart at the field in which the first wrong pair lies.
    first = int(wrong[0]) if len(wrong) else len(opens) - 1
    while first > 0 and not starts_field[first]:
        first -= 1
    first = max(first, 0)
    sound = starts_field[:first]
    rest = quotes[2 * first :]
    may_follow = _may_follow(buffer, rest, grammar)
    walked = list(_walk_quotes(rest.tolist(), may_open[2 * first :].tolist(), may_follow.tolist()))
    spans = np.array(walked, dtype=np.int64).reshape(-1, 2)
    return (
        np.concatenate((opens[:first][sound], spans[:, 0])),
        np.concatenate((closes[:first][ends_field[:first]], spans[:, 1])),
    )


def _may_open(data: bytes, buffer: np.ndarray, quotes: np.ndarray, grammar: Grammar) -> np.ndarray:
    """Tell which quotes stand at the beginning of a field."""
    marks = (ord(grammar.delimiter), grammar.line_end)
    before = buffer[np.maximum(quotes - 1, 0)]
    may = np.asarray((quotes == 0) | (before == marks[0]) | (before == marks[1]), dtype=bool)
    if grammar.padded:
        for k in np.flatnonzero((quotes > 0) & (before == _BLANK)).tolist():
            at = int(quotes[k])
            while at and data[at - 1] == _BLANK:
                at -= 1
            may[k] = not at or data[at - 1] in marks
    return may


def _may_follow(buffer: np.ndarray, closes: np.ndarray, grammar: Grammar) -> np.ndarray:
    last = len(buffer) - 1
    after = buffer[np.minimum(closes + 1, last)]
    second = buffer[np.minimum(closes + 2, last)]
    crlf = (after == _CR) & (second == _LF) & (closes + 2 <= last)
    is_end = (closes == last) | (after == grammar.line_end)
    return np.asarray(is_end | (after == ord(grammar.delimiter)) | crlf, dtype=bool)


def _walk_quotes(
    positions: list[int], may_open: list[bool], may_follow: list[bool]
) -> Iterator[tuple[int, int]]:
    i = 0
    while i < len(positions):
        if not may_open[i]:
            i += 1  # a quote in the middle of a field is text
            continue
        opened = positions[i]
        j = i + 1
        while j + 1 < len(positions) and positions[j + 1] == positions[j] + 1:
            j += 2
        if j >= len(positions):
            raise MalformedQuoteError(opened, None)
        if not may_follow[j]:
            raise MalformedQuoteError(opened, positions[j])
        yield opened, positions[j]
        i = j + 1
