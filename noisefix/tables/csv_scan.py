"""Scan a CSV file, or a block of it: the records that can be read, and the others with a reason."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from noisefix.errors import DataError
from noisefix.tables.bad_rows import BadRow
from noisefix.tables.csv_fields import Fields, Grammar, MalformedQuoteError, split_fields
from noisefix.tables.csv_reader import Problem
from noisefix.tables.csv_records import (
    WHOLE,
    CsvRecords,
    Origin,
    bad_row_error,
    header_quote_error,
    reason_of,
    unquote,
)
from noisefix.tables.csv_recovery import BadSpan, Check, Recovered, Recovery
from noisefix.tables.csv_suspects import (
    LOST_DELIMITER,
    LOST_OPENING,
    MIXED_QUOTES,
    MOST_ALIKE,
    SECOND_HEADER,
    HeaderCheck,
    Strays,
    find_strays,
    with_line_breaks,
)

_LONGEST = 1 << 28
"""Bytes of a file in pieces that may wait for a quote to close."""
_CONTEXT = 1 << 16
"""Bytes around a bad row by which its end is decided."""

LONE_QUOTE = "a quote in a cell without quotes"
NUL_BYTE = "a NUL byte is read as part of its cell"
LOOSE_END = "a lone carriage return taken for a line end"


def scan_records(
    data: bytes,
    grammar: Grammar,
    name: str,
    *,
    origin: Origin = WHOLE,
    is_whole: bool = True,
    skip_bad: bool = False,
    is_broken: bool = False,
) -> CsvRecords:
    """Find every field of a CSV file.

    Args:
        data: the file as UTF-8, without a byte order mark.
        grammar: how it is written.
        name: the file, for messages.
        origin: where in the file the data lies, when it is a block of it.
        is_whole: the data goes to the end of the file; else its last records, of which there may
            be more to come, are left out, and that there are no rows is no error. It must not end
            between CR and LF.
        skip_bad: leave rows out that cannot be read; else the first of them is an error.
        is_broken: the data is not valid UTF-8 everywhere; rows where it is not are bad.

    Raises:
        DataError: empty file, header only, no header, two headers with the columns in different
            order; without ``skip_bad`` an unclosed quote, text after a closing quote, a row with
            another number of fields than the header, with shifted fields or equal to the header.
    """
    fields, broken_at = _split(data, grammar, name, origin, is_whole)
    if is_whole and not len(fields):
        raise DataError(f"{name}: the file is empty", "give a file with a header and some rows")
    if not len(fields):
        return _nothing(data, grammar, origin)
    width = int(fields.counts[0])
    lines = _Lines(data, grammar, origin)
    header = [
        _value(data, int(s), int(e), grammar)
        for s, e in zip(fields.starts[:width], fields.ends[:width], strict=True)
    ]
    checked = HeaderCheck(header, grammar.quote, name)
    check = _record_check(data, checked, lines, is_broken)
    strays = find_strays(data, fields, grammar)
    problems = _problems(data, fields, strays, check, checked, all_rows=is_broken)
    if 0 in problems:
        if not is_whole and len(fields) < 2:  # there is more to come of it
            return _nothing(data, grammar, origin)
        raise DataError(
            f"{name}: the header (line {lines.at(int(fields.starts[0]))}): {problems[0]}",
            "mend that line",
        )
    known: Strays | None = strays
    if problems or broken_at is not None or (fields.counts != width).any():
        found = Recovery(data, grammar, fields, problems, broken_at, check).run()
        known = None  # the rows are not those that were looked at
    else:
        found, shape = Recovered(), (len(fields), width)
        found.add(fields.starts.reshape(shape), fields.ends.reshape(shape), fields.record_ends)
    rows = _Rows(*map(np.concatenate, (found.starts, found.ends, found.record_ends)))
    rows, bad, lone = _without_pairs(data, rows, found.bad, grammar, known)
    lone = lone[lone > 0]
    end = len(data)
    if not is_whole:
        end = _cut(data, rows, bad, lone)
        rows, bad = rows.before(end), [span for span in bad if span.start < end]
        lone = lone[: int(np.searchsorted(lone, len(rows.record_ends)))]
    if bad and not skip_bad:
        alike = [span for span in bad if span.problem.kind == bad[0].problem.kind]
        n_same = len(alike) if is_whole and origin == WHOLE else 1
        raise bad_row_error(bad[0], n_same, lines.at, header, name, origin, grammar)
    if len(rows.record_ends) == 1 and is_whole and not origin.rows:
        raise _no_rows(bad, lines, name)
    loose = [(LOOSE_END, lines.at(at)) for at in found.loose_ends if at < end]
    return CsvRecords(
        data,
        rows.starts,
        rows.ends,
        rows.record_ends,
        grammar,
        origin,
        end,
        tuple(_listed(span, data, lines) for span in bad),
        (*loose, *_remarks(data, end, rows, lone, grammar, lines)),
    )


def _record_check(data: bytes, header: HeaderCheck, lines: _Lines, is_broken: bool) -> Check:
    def check(starts: list[int], ends: list[int]) -> str | None:
        if is_broken:
            try:
                data[starts[0] : ends[-1]].decode()
            except UnicodeDecodeError as error:
                return f"byte 0x{error.object[error.start]:02X} is not valid UTF-8"
        cells = [data[s:e] for s, e in zip(starts, ends, strict=True)]
        return SECOND_HEADER if header.is_header(cells, lines.at(starts[0])) else None

    return check


def _no_rows(bad: list[BadSpan], lines: _Lines, name: str) -> DataError:
    if not bad:
        return DataError(f"{name}: there is a header but no rows", "give a file with rows below it")
    return DataError(
        f"{name}: there is no row that can be read; line {lines.at(bad[0].start)}: "
        f"{reason_of(bad[0].problem, lines.at)}",
        "give a file whose rows have as many cells as its header",
    )


def _remarks(
    data: bytes, end: int, rows: _Rows, lone: np.ndarray, grammar: Grammar, lines: _Lines
) -> list[tuple[str, int]]:
    """Return (what, line) of NUL bytes, and of lone quotes where cells are quoted at all."""
    body = int(rows.record_ends[0]) if len(rows.record_ends) else end
    nuls = (body + match.start() for match in re.finditer(b"\0", data[body:end]))
    remarks = [(NUL_BYTE, line) for line in dict.fromkeys(map(lines.at, nuls))]
    if len(lone) and _has_quoted(data, rows, grammar):
        remarks += [(LONE_QUOTE, lines.at(int(rows.starts[r, 0]))) for r in lone.tolist()]
    return remarks


@dataclass(frozen=True)
class _Rows:
    starts: np.ndarray
    ends: np.ndarray
    record_ends: np.ndarray

    def before(self, offset: int) -> _Rows:
        n = int(np.searchsorted(self.record_ends, offset, "right"))
        return _Rows(self.starts[:n], self.ends[:n], self.record_ends[:n])

    def without(self, rows: list[int]) -> _Rows:
        keep = np.ones(len(self.record_ends), dtype=bool)
        keep[rows] = False
        return _Rows(self.starts[keep], self.ends[keep], self.record_ends[keep])

    def fields(self) -> Fields:
        n, width = self.starts.shape
        lasts = np.arange(1, n + 1, dtype=np.int64) * width - 1
        return Fields(self.starts.reshape(-1), self.ends.reshape(-1), lasts, self.record_ends)


class _Lines:
    """Line numbers by offset."""

    def __init__(self, data: bytes, grammar: Grammar, origin: Origin) -> None:
        self._data, self._grammar, self._before = data, grammar, origin.lines
        self._breaks: np.ndarray | None = None

    def at(self, offset: int) -> int:
        if self._breaks is None:
            buffer = np.frombuffer(self._data, np.uint8)
            line_end = 0x0A if b"\n" in self._data else 0x0D
            self._breaks = np.flatnonzero(buffer == line_end)
        return int(np.searchsorted(self._breaks, offset)) + 1 + self._before


def _split(
    data: bytes, grammar: Grammar, name: str, origin: Origin, is_whole: bool
) -> tuple[Fields, int | None]:
    """Split up to the first quote that does not close, and say where the record with it begins."""
    try:
        return split_fields(data, grammar), None
    except MalformedQuoteError as error:
        # What lies before the opening quote is sound; one more byte stands for the field itself.
        fields = split_fields(data[: error.opened] + b"x", grammar)
        n_sound = len(fields) - 1
        is_final = is_whole or error.closed is not None or len(data) - error.opened > _LONGEST
        if not n_sound:
            if is_final:
                lines = _Lines(data, grammar, origin)
                column = int(fields.counts[0]) - 1
                raise header_quote_error(error, column, lines.at, grammar.quote, name) from None
            return fields.first(0), None
        at = int(fields.starts[fields.record_firsts[n_sound]])
        return fields.first(n_sound), at if is_final else None


def _problems(
    data: bytes,
    fields: Fields,
    strays: Strays,
    check: Check,
    header: HeaderCheck,
    *,
    all_rows: bool,
) -> dict[int, str]:
    """Return what is wrong with records that have the right number of fields, by record."""
    problems = dict.fromkeys(with_line_breaks(data, fields, strays.records), MIXED_QUOTES)
    problems |= dict.fromkeys(strays.unopened, LOST_OPENING)
    problems |= dict.fromkeys(strays.shifted, LOST_DELIMITER)
    firsts, lasts, counts = fields.record_firsts, fields.record_lasts, fields.counts
    problems = {r: reason for r, reason in problems.items() if counts[r] == counts[0]}
    suspects = range(len(fields)) if all_rows else header.candidates(data, fields).tolist()
    for r in suspects:
        if counts[r] == counts[0] and r not in problems:
            span = slice(int(firsts[r]), int(lasts[r]) + 1)
            reason = check(fields.starts[span].tolist(), fields.ends[span].tolist())
            if reason is not None and (r or reason != SECOND_HEADER):
                problems[r] = reason

    def is_exact(r: int) -> bool:
        places = range(int(firsts[r]), int(lasts[r]) + 1)
        return header.is_exact([data[fields.starts[k] : fields.ends[k]] for k in places])

    alike = [r for r, reason in problems.items() if reason == SECOND_HEADER and not is_exact(r)]
    if len(alike) > MOST_ALIKE:
        problems = {r: reason for r, reason in problems.items() if r not in set(alike)}
    return problems


def _without_pairs(
    data: bytes, rows: _Rows, bad: list[BadSpan], grammar: Grammar, strays: Strays | None
) -> tuple[_Rows, list[BadSpan], np.ndarray]:
    """Leave out records that look like one cut in two; also return those with a lone quote."""
    if strays is None:
        strays = find_strays(data, rows.fields(), grammar)
    lone = strays.records
    between = {span.before for span in bad}
    firsts = [r for r in strays.pairs() if r and r + 1 not in between]
    if not firsts:
        return rows, bad, lone
    spans, gone, taken = list(bad), [], set[int]()
    for r in firsts:
        if r in taken:
            continue
        taken |= {r, r + 1}
        gone += [r, r + 1]
        start, end = int(rows.starts[r, 0]), int(rows.record_ends[r + 1])
        spans.append(BadSpan(start, end, r, Problem(LOST_DELIMITER)))
    spans.sort(key=lambda span: span.start)
    kept = rows.without(gone)
    starts = kept.starts[:, 0]
    renumbered = [replace(span, before=int(np.searchsorted(starts, span.start))) for span in spans]
    return kept, renumbered, find_strays(data, kept.fields(), grammar).records


def _cut(data: bytes, rows: _Rows, bad: list[BadSpan], lone: np.ndarray) -> int:
    """Return where a block of a file ends that goes on: all before is decided for good.

    What is bad or doubtful is decided by what follows, so that it must not lie close to the end.
    """
    starts = rows.starts[:, 0]
    n = len(starts)
    if n < 3:
        return int(starts[1]) if n > 1 and not bad else 0
    doubtful = [span.start for span in bad] + starts[lone].tolist()
    near = [at for at in doubtful if at > len(data) - _CONTEXT]
    end = int(starts[n - 2])
    if near:
        before = int(np.searchsorted(starts, min(near))) - 1
        end = min(end, int(starts[max(before, 0)]))
    return max(end, 0)


def _has_quoted(data: bytes, rows: _Rows, grammar: Grammar) -> bool:
    if not grammar.quote:
        return False
    buffer = np.frombuffer(data, np.uint8)
    first = buffer[np.minimum(rows.starts, len(buffer) - 1)]
    return bool(((first == ord(grammar.quote)) & (rows.ends > rows.starts)).any())


def _listed(span: BadSpan, data: bytes, lines: _Lines) -> BadRow:
    first = lines.at(span.start)
    text = data[span.start : span.end].rstrip(b"\r\n")
    last = lines.at(span.start + max(len(text) - 1, 0))
    return BadRow(
        first, last, reason_of(span.problem, lines.at), text.decode(errors="backslashreplace")
    )


def _value(data: bytes, start: int, end: int, grammar: Grammar) -> bytes:
    raw = data[start:end]
    if grammar.quote and raw[:1] == grammar.quote.encode():
        return unquote(raw[1:-1], grammar)
    return raw


def _nothing(data: bytes, grammar: Grammar, origin: Origin) -> CsvRecords:
    none = np.empty((0, 0), np.int64)
    return CsvRecords(data, none, none, np.empty(0, np.int64), grammar, origin)
