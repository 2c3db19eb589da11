"""Go on after a row that cannot be read: where does the next good one begin?

Where a quote was lost or doubled, the strict grammar would take many rows for one cell. Here such a
row ends at the next line from which a record can be read that has the right number of fields, and
that does not lie within a quoted cell of the bad row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from noisefix.tables.csv_clues import REACH, Clues
from noisefix.tables.csv_fields import Fields, Grammar
from noisefix.tables.csv_reader import Problem, Reader, Record

_FEW = 0.1
"""Share of records with a cell that begins with a blank, up to which that says something."""


@dataclass(frozen=True)
class BadSpan:
    """A row that cannot be read.

    Attributes:
        start: offset of its first byte.
        end: offset after its last line end.
        before: records before it, the header included.
        problem: what is wrong with it.
    """

    start: int
    end: int
    before: int
    problem: Problem


Check = Callable[[list[int], list[int]], str | None]
"""Says what else is wrong with a record of the right length, given where its fields lie."""


@dataclass
class Recovered:
    """The good records, header included, and the bad rows between them.

    Attributes:
        starts, ends: pieces of (R, C) offsets.
        record_ends: pieces of (R,) offsets.
        bad: the rows left out.
        n: good records so far.
        loose_ends: offsets of lone CRs that were taken for line ends.
    """

    starts: list[np.ndarray] = field(default_factory=list)
    ends: list[np.ndarray] = field(default_factory=list)
    record_ends: list[np.ndarray] = field(default_factory=list)
    bad: list[BadSpan] = field(default_factory=list)
    n: int = 0
    loose_ends: list[int] = field(default_factory=list)

    def add(self, starts: np.ndarray, ends: np.ndarray, record_ends: np.ndarray) -> None:
        """Add good records: (R, C) and (R,) offsets."""
        self.starts.append(starts)
        self.ends.append(ends)
        self.record_ends.append(record_ends)
        self.n += len(record_ends)


class Recovery:
    """One pass over a file with bad rows.

    Args:
        data: the file.
        grammar: how it is written.
        fields: what the strict grammar makes of it, up to the first quote that does not close.
        problems: what is wrong with some of these records, by index.
        broken_at: where the record with that quote begins; None where every quote closes.
        check: looks at records of the right length.
    """

    def __init__(
        self,
        data: bytes,
        grammar: Grammar,
        fields: Fields,
        problems: dict[int, str],
        broken_at: int | None,
        check: Check,
    ) -> None:
        self._data, self._grammar, self._fields = data, grammar, fields
        self._width = int(fields.counts[0])
        self._firsts = fields.record_firsts
        self._record_starts = fields.starts[self._firsts]
        self._counts = fields.counts
        self._problems = problems
        self._broken_at = broken_at
        self._check = check
        self._clues = Clues(data, grammar)
        self._strict = Reader(data, grammar, any_end=False)
        self._loose = Reader(data, grammar, any_end=True)
        self._out = Recovered()
        self._last: tuple[int, int] | None = None  # the good record before, where just read
        blank = np.frombuffer(data, np.uint8)[np.minimum(fields.starts, len(data) - 1)] == 0x20
        self._has_blanks = grammar.padded or int(blank.sum()) > 1 + _FEW * len(fields)
        ragged = np.flatnonzero(self._counts != self._width).tolist()
        self._bad_records = sorted({*ragged, *problems})

    def run(self) -> Recovered:
        """Read all of it."""
        i, n = 0, len(self._fields)
        place = 0  # in self._bad_records
        while True:
            while place < len(self._bad_records) and self._bad_records[place] < i:
                place += 1
            nxt = self._bad_records[place] if place < len(self._bad_records) else n
            self._add_run(i, nxt)
            if nxt < n:
                at = int(self._record_starts[nxt])
            elif self._broken_at is not None and self._broken_at < len(self._data):
                at = self._broken_at
            else:
                return self._out
            i = self._go_on(at)
            if i >= n and (self._broken_at is None or self._past_broken):
                return self._out

    _past_broken = False

    def _go_on(self, at: int) -> int:
        """Read record by record from a bad one on; return the next record of the fast reading."""
        while at < len(self._data):
            k = int(np.searchsorted(self._record_starts, at))
            if k < len(self._fields) and self._record_starts[k] == at and self._is_sound(k):
                return k
            found = self._read(at)
            if isinstance(found, Record):
                self._add(found)
                at = self._clues.skip_blank(found.end)
            else:
                at = self._bad_row(at, found)
        self._past_broken = True
        return len(self._fields)

    def _is_sound(self, k: int) -> bool:
        return bool(self._counts[k] == self._width) and k not in self._problems

    def _read(self, at: int, *, reach: int | None = None) -> Record | Problem:
        found = self._strict.read(at, reach)
        if isinstance(found, Problem):
            return found
        if len(found.starts) != self._width:
            return Problem(
                f"found {len(found.starts)} fields, expected {self._width}",
                "fields",
                found=len(found.starts),
            )
        reason = self._clues.stray_problem(found) or self._check(found.starts, found.ends)
        return found if reason is None else Problem(reason)

    def _bad_row(self, at: int, problem: Problem) -> int:
        """Note a bad row, and return where the next record begins."""
        after = self._by_loose_ends(at)
        if after is not None:
            return after
        start = self._before_swallowed(at)
        if start is None:
            end = self._next_sound(at, is_open=problem.kind == "quote")
            start = at
            if self._is_tail(at, problem):
                start = self._take_back()
        else:
            end = self._next_sound(start, is_open=True)
            problem = Problem("a quote that is never closed, or one too many")
        if start != at:
            problem = replace(problem, kind="other")
        self._out.bad.append(BadSpan(start, end, self._out.n, problem))
        self._last = None
        return self._clues.skip_blank(end)

    def _by_loose_ends(self, at: int) -> int | None:
        """Take lone CRs for line ends where that makes good records of the whole line."""
        end = self._clues.next_line(at)
        if self._data.find(b"\r", at, end - 2) < 0:
            return None
        found, place = [], at
        while place < end:
            record = self._loose.read(place, None)
            if isinstance(record, Problem) or len(record.starts) != self._width:
                return None
            if (
                self._clues.odd_fields(record)
                or self._check(record.starts, record.ends) is not None
            ):
                return None
            found.append(record)
            place = record.end
        if place != end or len(found) < 2:
            return None
        for record in found:
            self._add(record)
        self._out.loose_ends.append(at)
        return self._clues.skip_blank(end)

    def _before_swallowed(self, at: int) -> int | None:
        """Return where the record before starts, if it has swallowed the beginning of this one.

        A quoted cell over several lines whose closing quote looks like an opening one is doubtful
        when what follows cannot be read, and can be if a row began inside of it.
        """
        if self._last is None:
            return None
        start, last_end = self._last
        quote = self._clues.quote
        inner = self._data.find(b"\n", start, last_end)
        if not quote or inner < 0:
            return None
        place = inner + 1
        while place < at:
            record = self._read(place, reach=REACH)
            first = self._data.find(quote, place, at)
            is_opener = first >= 0 and self._clues.opener_like(first)
            if is_opener and isinstance(record, Record) and record.end > at:
                return self._take_back()
            place = self._clues.next_line(place)
        return None

    def _is_tail(self, at: int, problem: Problem) -> bool:
        """Tell whether a bad row is the rest of the record before, whose quotes went wrong."""
        quote = self._clues.quote
        if self._last is None or not quote or not self._clues.closes_first(at):
            return False
        before = self._data[self._last[0] : self._last[1]].rstrip(b"\r\n")
        if b"\n" in before:
            return False
        if quote not in before and self._is_prose(*self._last):
            return True
        if self._clues.n_quotes(before) % 2:
            return True
        if problem.kind != "fields" or problem.found >= self._width:
            return False
        line = self._data[at : self._clues.next_line(at)].rstrip(b"\r\n")
        is_emptied = before.endswith(self._clues.delimiter + quote * 2)
        return line.endswith(quote) and (is_emptied or not before.endswith(quote))

    def _is_prose(self, start: int, end: int) -> bool:
        """Tell whether a cell begins with a blank, as text after a comma does, unlike others."""
        if self._has_blanks:
            return False
        record = self._strict.read(start, end - start)
        return isinstance(record, Record) and any(
            self._data[s : s + 1] == b" " for s in record.starts
        )

    def _take_back(self) -> int:
        """Take the last good record back; return where it starts."""
        assert self._last is not None
        start = self._last[0]
        for pieces in (self._out.starts, self._out.ends, self._out.record_ends):
            pieces[-1] = pieces[-1][:-1]
        self._out.n -= 1
        self._last = None
        return start

    def _next_sound(self, at: int, *, is_open: bool) -> int:
        """Return the line after a bad row: outside of its quotes, or where a good record begins.

        Args:
            at: where the row begins.
            is_open: one of its quotes is wrong, so that counting them tells nothing.
        """
        data = self._data
        place = self._clues.next_line(at)
        is_open = is_open or self._clues.n_quotes(data[at:place]) % 2 == 1
        while place < len(data):
            if not self._clues.closes_first(place):
                if not is_open:
                    break
                record = self._read(place, reach=REACH)
                if (
                    isinstance(record, Record)
                    and not self._clues.has_stray(record)
                    and self._clues.is_outside(place)
                    and not self._is_prose(place, record.end)
                ):
                    break
            place = self._clues.next_line(place)
        return place

    def _add_run(self, first: int, after: int) -> None:
        if after <= first:
            return
        span = slice(int(self._firsts[first]), int(self._fields.record_lasts[after - 1]) + 1)
        shape = (after - first, self._width)
        self._out.add(
            self._fields.starts[span].reshape(shape),
            self._fields.ends[span].reshape(shape),
            self._fields.record_ends[first:after],
        )
        self._last = None
        if self._out.n > 1:
            last = int(self._record_starts[after - 1]), int(self._fields.record_ends[after - 1])
            self._last = last

    def _add(self, record: Record) -> None:
        offsets = ([record.starts], [record.ends], [record.end])
        self._out.add(*(np.array(places, dtype=np.int64) for places in offsets))
        self._last = record.starts[0], record.end
