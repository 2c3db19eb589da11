"""Read a CSV file block by block, by the same rules as the whole file at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from noisefix.errors import DataError
from noisefix.tables.bad_rows import BadRow
from noisefix.tables.csv_errors import Origin, column_names
from noisefix.tables.csv_records import CsvRecords
from noisefix.tables.csv_scan import scan_records
from noisefix.tables.csv_source import (
    encoding_warnings,
    reading_warnings,
    settle_quotes,
    start_of,
)
from noisefix.tables.dialect import SAMPLE, CsvDialect, dialect_of_start, mostly_enclosed
from noisefix.tables.encoding import TextEncoding, decode_chunks, decoded_offset

Chunks = Callable[[], Iterable[bytes]]
"""Reads a file's bytes from the start, not compressed, in pieces."""


@dataclass(frozen=True)
class CsvSurvey:
    """What one look through a CSV file found.

    Attributes:
        columns: the header.
        n_rows: rows below it.
        dialect: how it is written; its ``quote_all`` is not found out.
        found: its encoding.
        warnings: what a person should know.
        skip_bad: rows that cannot be read are left out.
        bad: these rows.
    """

    columns: tuple[str, ...]
    n_rows: int
    dialect: CsvDialect
    found: TextEncoding
    warnings: tuple[str, ...]
    skip_bad: bool = False
    bad: tuple[BadRow, ...] = ()


@dataclass(frozen=True)
class _Pass:
    """One reading of the whole file."""

    columns: tuple[str, ...]
    n_rows: int
    place: str  # of the first byte that is not UTF-8
    bad: tuple[BadRow, ...]
    remarks: tuple[tuple[str, int], ...]

    def __len__(self) -> int:
        return self.n_rows


def survey_csv(
    chunks: Chunks,
    found: TextEncoding,
    name: str,
    *,
    prefer_tab: bool = False,
    watched: Chunks | None = None,
    skip_bad: bool = False,
) -> CsvSurvey:
    """Look through a CSV file: every row is checked before anybody works on the first.

    Args:
        chunks: the file.
        found: its encoding.
        name: the file, for messages.
        prefer_tab: the name says that it is tab-separated.
        watched: reads the file too, and tells somebody how far it has come.
        skip_bad: leave rows out that cannot be read.

    Raises:
        DataError: as ``read_csv``; of several ragged rows the first is named.
    """
    bad_offset = decoded_offset(chunks(), found) if found.bad_offset is not None else None

    def start(size: int) -> bytes:
        parts, length = [], 0
        for part in decode_chunks(chunks(), found, name):
            parts.append(part)
            length += len(part)
            if length >= size:
                break
        return b"".join(parts)[:size]

    dialect = dialect_of_start(start, prefer_tab=prefer_tab)

    def attempt(tried: CsvDialect) -> _Pass:
        columns: tuple[str, ...] = ()
        n_rows, place = 0, ""
        bad: list[BadRow] = []
        remarks: list[tuple[str, int]] = []
        for at, records in _placed_blocks(watched or chunks, found, tried, name, skip_bad):
            n_rows += len(records)
            bad += records.bad
            remarks += records.remarks
            if not columns:
                columns = column_names(records.header(), name)
            is_past = bad_offset is not None and bad_offset < at + records.end
            if bad_offset is not None and is_past and not place:
                place = records.place(bad_offset - at)
        return _Pass(columns, n_rows, place, tuple(bad), tuple(remarks))

    # Whether there is a quote in the file would take a look through it to say; so would reading it.
    read, dialect, warnings = settle_quotes(
        dialect,
        attempt,
        name,
        has_quote=True,
        has_escape=True,
        is_enclosed=mostly_enclosed(start(SAMPLE)),
    )
    if found.bad_offset is not None and not (skip_bad and found.is_broken):
        warnings = [*encoding_warnings(found, read.place, name), *warnings]
    warnings += reading_warnings(read.bad, read.remarks, name)
    dialect = replace(dialect, encoding=found.encoding, bom=found.bom)
    return CsvSurvey(read.columns, read.n_rows, dialect, found, tuple(warnings), skip_bad, read.bad)


def csv_blocks(chunks: Chunks, survey: CsvSurvey, name: str) -> Iterator[CsvRecords]:
    """Yield the rows again, some megabytes at a time; every block has the header as record 0."""
    blocks = _placed_blocks(chunks, survey.found, survey.dialect, name, survey.skip_bad)
    for _, records in blocks:
        if len(records):
            yield records


def _placed_blocks(
    chunks: Chunks, found: TextEncoding, dialect: CsvDialect, name: str, skip_bad: bool
) -> Iterator[tuple[int, CsvRecords]]:
    """Yield blocks of whole records, and where in the decoded file offset 0 of each would lie."""
    decoded = _with_last(_without_start(decode_chunks(chunks(), found, name), dialect.preamble))
    line_end = b"\r" if dialect.terminator == "\r" else b"\n"
    header, pending = b"", b""
    origin, at = start_of(dialect), len(dialect.preamble)
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
            is_broken=skip_bad and found.is_broken,
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
