"""Read a CSV file of any size, and find its cells again for rewriting.

There is one reader, of blocks: a file that is whole in memory is one block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from noisefix.errors import DataError
from noisefix.tables.bad_rows import BadRow, bad_rows_warning
from noisefix.tables.content import Content
from noisefix.tables.csv_records import WHOLE, CsvRecords, Origin, column_names
from noisefix.tables.csv_scan import scan_records
from noisefix.tables.dialect import SAMPLE, CsvDialect, dialect_of_start, mostly_enclosed
from noisefix.tables.encoding import TextFile, decode_text

_SHOWN = 5


@dataclass(frozen=True)
class CsvSurvey:
    """What one look through a CSV file found.

    Attributes:
        columns: the header.
        n_rows: rows below it.
        dialect: how it is written; ``quote_all`` is found out by ``read_csv`` only.
        warnings: what a person should know.
        bad: the rows left out.
        is_broken: rows that are not valid UTF-8 are left out.
        kept: the rows, where they were to be kept.
    """

    columns: tuple[str, ...]
    n_rows: int
    dialect: CsvDialect
    warnings: tuple[str, ...]
    bad: tuple[BadRow, ...] = ()
    is_broken: bool = False
    kept: tuple[CsvRecords, ...] = ()


def read_csv(raw: bytes, name: str, *, prefer_tab: bool = False, skip_bad: bool = False) -> Content:
    """Read a CSV file that is whole in memory; every cell is a string, exactly as in the file.

    Args:
        raw: the file's bytes, not compressed.
        name: the file, for messages.
        prefer_tab: the name says that it is tab-separated.
        skip_bad: leave rows out that cannot be read.

    Raises:
        DataError: malformed in any way that ``scan_records``, ``decode_text`` and
            ``column_names`` tell; the message names row, column and remedy.
    """
    import pyarrow as pa

    text = TextFile.whole(raw, name)
    survey = survey_csv(text, prefer_tab=prefer_tab, skip_bad=skip_bad, keep=True)
    (records,) = survey.kept
    places = range(len(survey.columns))
    is_all_quoted = all(bool(records.is_quoted(slice(None), k).all()) for k in places)
    return Content(
        pa.table([records.column(k) for k in places], list(survey.columns)),
        survey.warnings,
        survey.bad,
        replace(survey.dialect, quote_all=is_all_quoted),
    )


def locate_cells(
    raw: bytes, dialect: CsvDialect, name: str, *, skip_bad: bool = False
) -> CsvRecords:
    """Find the cells of a file that ``read_csv`` has read, by the dialect it found.

    Raises:
        DataError: as ``read_csv``.
    """
    decoded = decode_text(raw, name)
    is_broken = skip_bad and decoded.found.is_broken
    ((_, records),) = _placed_blocks([decoded.data], dialect, name, skip_bad, is_broken)
    return records


def survey_csv(
    text: TextFile, *, prefer_tab: bool = False, skip_bad: bool = False, keep: bool = False
) -> CsvSurvey:
    """Look through a CSV file: every row is checked before anybody works on the first.

    Args:
        text: the file.
        prefer_tab: the name says that it is tab-separated.
        skip_bad: leave rows out that cannot be read.
        keep: keep the rows.

    Raises:
        DataError: as ``read_csv``; of several ragged rows of a file in pieces the first is named.
    """
    is_broken = skip_bad and text.found.is_broken

    def start(size: int) -> bytes:
        parts, length = [], 0
        for part in text.chunks():
            parts.append(part[:size])
            length += len(part)
            if length >= size:
                break
        return b"".join(parts)[:size]

    def attempt(tried: CsvDialect) -> _Pass:
        found = _Pass()
        blocks = _placed_blocks(text.watched(), tried, text.name, skip_bad, is_broken)
        for at, records in blocks:
            found.take(at, records, text, keep)
        return found

    dialect = dialect_of_start(start, prefer_tab=prefer_tab)
    read, dialect = _settle_quotes(dialect, attempt, lambda: mostly_enclosed(start(SAMPLE)))
    return CsvSurvey(
        read.columns,
        read.n_rows,
        replace(dialect, encoding=text.found.encoding, bom=text.found.bom),
        (
            *text.warnings(read.place, skip_bad=skip_bad),
            *_dialect_warnings(dialect, text.name),
            *_reading_warnings(read.bad, read.remarks, text.name),
        ),
        tuple(read.bad),
        is_broken,
        tuple(read.kept),
    )


def csv_blocks(
    text: TextFile, survey: CsvSurvey, *, skip_bad: bool = False
) -> Iterator[CsvRecords]:
    """Yield the rows again, some megabytes at a time; every block has the header as record 0."""
    blocks = _placed_blocks(text.chunks(), survey.dialect, text.name, skip_bad, survey.is_broken)
    yield from (records for _, records in blocks if len(records))


class _Pass:
    """One reading of the whole file."""

    def __init__(self) -> None:
        self.columns: tuple[str, ...] = ()
        self.n_rows = 0
        self.place = ""  # of the first byte that is not UTF-8
        self.bad: list[BadRow] = []
        self.remarks: list[tuple[str, int]] = []
        self.kept: list[CsvRecords] = []
        self.has_quote = self.has_escape = False

    def take(self, at: int, records: CsvRecords, text: TextFile, keep: bool) -> None:
        """Take the block that begins at an offset."""
        self.n_rows += len(records)
        self.bad += records.bad
        self.remarks += records.remarks
        self.has_quote = self.has_quote or b'"' in records.data
        self.has_escape = self.has_escape or b'\\"' in records.data
        if not self.columns:
            self.columns = column_names(records.header(), text.name)
        bad_offset = text.bad_offset
        if bad_offset is not None and not self.place and bad_offset < at + records.end:
            self.place = records.place(bad_offset - at)
        if keep:
            self.kept.append(records)


def _settle_quotes(
    dialect: CsvDialect,
    attempt: Callable[[CsvDialect], _Pass],
    is_enclosed: Callable[[], bool],
) -> tuple[_Pass, CsvDialect]:
    """Read a file by the dialect; where that goes wrong, see whether quotes mean something else.

    Args:
        dialect: what the beginning of the file looks like.
        attempt: reads the whole file by a dialect.
        is_enclosed: tells whether most quotes enclose cells (``mostly_enclosed``).

    Raises:
        DataError: as ``attempt``, where no reading works.
    """

    def caught(tried: CsvDialect) -> _Pass | DataError:
        try:
            return attempt(tried)
        except DataError as error:
            return error

    chosen, first = dialect, caught(dialect)
    # Of a file that cannot be read so, nobody knows yet what is in it.
    has_escape = isinstance(first, DataError) or (bool(first.bad) and first.has_escape)
    has_quote = isinstance(first, DataError) or dialect.quote != '"' or first.has_quote
    if has_escape and dialect.quote == '"' and not dialect.escape:
        escaped = replace(dialect, escape="\\")
        other = caught(escaped)
        if not isinstance(other, DataError) and not other.bad:
            chosen, first = escaped, other
    if dialect.delimiter == "\t" and dialect.quote and has_quote and not is_enclosed():
        plain = replace(dialect, quote="", escape="")
        other = caught(plain)
        if not isinstance(other, DataError) and (
            isinstance(first, DataError)
            or first.n_rows < other.n_rows
            or len(first.bad) > len(other.bad)
        ):
            chosen, first = plain, other
    if isinstance(first, DataError):
        raise first
    return first, chosen


def _dialect_warnings(dialect: CsvDialect, name: str) -> list[str]:
    if not dialect.quote:
        return [
            f"{name}: quotes are read as part of the text, because they do not enclose whole cells"
        ]
    if dialect.escape:
        return [f"{name}: a backslash before a quote is read as an escape, not as text"]
    return []


def _reading_warnings(
    bad: Sequence[BadRow], remarks: Sequence[tuple[str, int]], name: str
) -> list[str]:
    """Say which rows were left out, and which are doubtful."""
    warnings = [bad_rows_warning(bad, name)] if bad else []
    for what in dict.fromkeys(what for what, _ in remarks):
        lines = [line for kind, line in remarks if kind == what]
        shown = ", ".join(map(str, lines[:_SHOWN])) + (", ..." if len(lines) > _SHOWN else "")
        place = "line" if len(lines) == 1 else "lines"
        warnings.append(f"{name}: {what} ({place} {shown})")
    return warnings


def _placed_blocks(
    chunks: Iterable[bytes], dialect: CsvDialect, name: str, skip_bad: bool, is_broken: bool
) -> Iterator[tuple[int, CsvRecords]]:
    """Yield blocks of whole records, and where in the decoded file offset 0 of each would lie."""
    decoded = _with_last(_without_start(chunks, dialect.preamble))
    line_end = b"\r" if dialect.terminator == "\r" else b"\n"
    header, pending = b"", b""
    origin, at = (Origin(lines=1) if dialect.preamble else WHOLE), len(dialect.preamble)
    enough = 0  # a record that is longer than a piece is not looked at anew with every piece
    for chunk, is_last in decoded:
        data = pending + chunk if pending else chunk
        if not is_last and len(data) < enough:
            pending = data
            continue
        # Never cut between CR and LF: half a line end looks like text after a closing quote.
        held = 1 if not is_last and data.endswith(b"\r") else 0
        block = header + (data[:-1] if held else data)
        if is_last and not block.strip():
            raise DataError(f"{name}: the file is empty", "give a file with a header and some rows")
        records = scan_records(
            block,
            dialect.grammar,
            name,
            origin=origin,
            is_whole=is_last,
            skip_bad=skip_bad,
            is_broken=is_broken,
        )
        if not len(records) and not is_last:
            pending, enough = data, 2 * len(data)
            continue
        yield at, records
        kept = records.end
        pending, enough = data[kept - len(header) :], 0
        lines = origin.lines + block.count(line_end, 0, kept)
        header = header or block[: int(records.record_ends[0])]
        origin = Origin(origin.rows + len(records), lines - header.count(line_end))
        at += kept - len(header)


def _without_start(chunks: Iterable[bytes], start: str) -> Iterator[bytes]:
    """Leave out the first bytes of what comes in pieces."""
    left = len(start)
    for chunk in chunks:
        cut = min(left, len(chunk))
        left -= cut
        yield chunk[cut:]


def _with_last(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield pieces and whether they are the last; of nothing, one empty piece."""
    iterator = iter(chunks)
    held = next(iterator, b"")
    for chunk in iterator:
        yield held, False
        held = chunk
    yield held, True
