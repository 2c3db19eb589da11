"""Read a CSV file into a table of strings, and find its cells again for rewriting."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from noisefix.errors import DataError
from noisefix.tables.bad_rows import BadRow, bad_rows_warning
from noisefix.tables.csv_errors import WHOLE, Origin, column_names
from noisefix.tables.csv_records import CsvRecords
from noisefix.tables.csv_scan import scan_records
from noisefix.tables.dialect import SAMPLE, CsvDialect, detect_dialect, mostly_enclosed
from noisefix.tables.encoding import (
    DecodedText,
    TextEncoding,
    broken_utf8_error,
    decode_text,
    encoding_warning,
)

if TYPE_CHECKING:
    import pyarrow as pa

_SHOWN = 5


@dataclass(frozen=True)
class CsvContent:
    """A CSV file as read.

    Attributes:
        columns: the names.
        table: (N rows) large_string columns.
        dialect: how it is written.
        warnings: what a person should know.
        bad: the rows left out.
    """

    columns: tuple[str, ...]
    table: pa.Table
    dialect: CsvDialect
    warnings: tuple[str, ...]
    bad: tuple[BadRow, ...] = ()


def read_csv(
    raw: bytes, name: str, *, prefer_tab: bool = False, skip_bad: bool = False
) -> CsvContent:
    """Read a CSV file; every cell is a string, exactly as in the file.

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

    decoded = decode_text(raw, name)
    if not decoded.data.strip():
        raise DataError(f"{name}: the file is empty", "give a file with a header and some rows")
    dialect = detect_dialect(decoded.data, prefer_tab=prefer_tab)
    dialect = replace(dialect, encoding=decoded.encoding, bom=decoded.bom)
    records, dialect, warnings = _scan(decoded, dialect, name, skip_bad)
    columns = column_names(records.header(), name)
    if decoded.bad_offset is not None and not (skip_bad and decoded.found.is_broken):
        place = records.place(decoded.bad_offset - len(dialect.preamble))
        warnings = [*encoding_warnings(decoded.found, place, name), *warnings]
    warnings += reading_warnings(records.bad, records.remarks, name)
    is_all_quoted = all(bool(records.is_quoted(slice(None), k).all()) for k in range(len(columns)))
    dialect = replace(dialect, quote_all=is_all_quoted)
    arrays = [records.column(k) for k in range(len(columns))]
    table = pa.table(arrays, list(columns))
    return CsvContent(columns, table, dialect, tuple(warnings), records.bad)


def locate_cells(
    raw: bytes, dialect: CsvDialect, name: str, *, skip_bad: bool = False
) -> CsvRecords:
    """Find the cells of a file that ``read_csv`` has read, by the dialect it found.

    Raises:
        DataError: as ``read_csv``.
    """
    return _records(decode_text(raw, name), dialect, name, skip_bad)


def _records(decoded: DecodedText, dialect: CsvDialect, name: str, skip_bad: bool) -> CsvRecords:
    return scan_records(
        decoded.data[len(dialect.preamble) :],
        dialect.grammar,
        name,
        origin=start_of(dialect),
        skip_bad=skip_bad,
        is_broken=skip_bad and decoded.found.is_broken,
    )


def start_of(dialect: CsvDialect) -> Origin:
    """Say where the header lies."""
    return Origin(lines=1) if dialect.preamble else WHOLE


def _scan(
    decoded: DecodedText, dialect: CsvDialect, name: str, skip_bad: bool
) -> tuple[CsvRecords, CsvDialect, list[str]]:
    """Scan the whole file; find out here too whether quotes are written in another way."""

    def attempt(tried: CsvDialect) -> CsvRecords:
        return _records(decoded, tried, name, skip_bad)

    return settle_quotes(
        dialect,
        attempt,
        name,
        has_quote=bool(dialect.quote) and dialect.quote.encode() in decoded.data,
        has_escape=b'\\"' in decoded.data,
        is_enclosed=mostly_enclosed(decoded.data[:SAMPLE]),
    )


class Reading(Sized, Protocol):
    """What came of reading a file in one way."""

    @property
    def bad(self) -> Sequence[BadRow]:
        """The rows left out."""
        ...


Found = TypeVar("Found", bound=Reading)


def settle_quotes(
    dialect: CsvDialect,
    attempt: Callable[[CsvDialect], Found],
    name: str,
    *,
    has_quote: bool,
    has_escape: bool,
    is_enclosed: bool,
) -> tuple[Found, CsvDialect, list[str]]:
    """Read a file by the dialect; where that goes wrong, see whether quotes mean something else.

    Args:
        dialect: what the beginning of the file looks like.
        attempt: reads the whole file by a dialect; as long as it found rows.
        name: the file, for messages.
        has_quote: the file may have the quote character somewhere.
        has_escape: it may have a backslash before one.
        is_enclosed: most quotes enclose cells (``mostly_enclosed``).

    Returns:
        What ``attempt`` returned, the dialect, and warnings.

    Raises:
        DataError: as ``attempt``, where no reading works.
    """

    def caught(tried: CsvDialect) -> Found | DataError:
        try:
            return attempt(tried)
        except DataError as error:
            return error

    chosen, first = dialect, caught(dialect)
    is_clean = not isinstance(first, DataError) and not first.bad
    if not is_clean and has_escape and dialect.quote == '"' and not dialect.escape:
        escaped = replace(dialect, escape="\\")
        other = caught(escaped)
        if not isinstance(other, DataError) and not other.bad:
            chosen, first, is_clean = escaped, other, True
    if dialect.delimiter == "\t" and dialect.quote and has_quote and not is_enclosed:
        plain = replace(dialect, quote="", escape="")
        other = caught(plain)
        if not isinstance(other, DataError) and (
            isinstance(first, DataError)
            or len(first) < len(other)
            or len(first.bad) > len(other.bad)
        ):
            chosen, first = plain, other
    if isinstance(first, DataError):
        raise first
    return first, chosen, _dialect_warnings(chosen, name)


def _dialect_warnings(dialect: CsvDialect, name: str) -> list[str]:
    if not dialect.quote:
        return [
            f"{name}: quotes are read as part of the text, because they do not enclose whole cells"
        ]
    if dialect.escape:
        return [f"{name}: a backslash before a quote is read as an escape, not as text"]
    return []


def reading_warnings(
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


def encoding_warnings(found: TextEncoding, place: str, name: str) -> list[str]:
    """Word what is to say of a byte at ``place`` that is not UTF-8.

    Raises:
        DataError: the rest of the file is UTF-8.
    """
    if found.is_broken:
        raise broken_utf8_error(found, name, place)
    return [encoding_warning(found, name, place)]
