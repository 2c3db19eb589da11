"""Read a data file as it is: every column, every row, and how it was written down."""

from __future__ import annotations

import codecs
import hashlib
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from noisefix.errors import DataError
from noisefix.tables.addresses import local_path
from noisefix.tables.bad_rows import BadRow, skips
from noisefix.tables.compression import (
    Packing,
    decompress_start,
    packing_named,
    packing_of,
)
from noisefix.tables.content import Reading
from noisefix.tables.dialect import CsvDialect
from noisefix.tables.foreign_formats import foreign_format
from noisefix.tables.formats import FORMATS, format_begun, formats_named, marked_format
from noisefix.tables.places import split_inside
from noisefix.tables.raw_file import STDIN_NAME, read_whole, stream_chunks, unpacked
from noisefix.tables.wrapped import unwrapped

if TYPE_CHECKING:
    import pyarrow as pa

_SNIFFED = 1 << 16
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Source:
    """A data file as read.

    Attributes:
        name: for messages: the file's name, or ``<stdin>``.
        path: where the file is; None for standard input.
        format: one of ``formats.FORMATS``.
        columns: column names in file order.
        table: (N rows) CSV, Excel, fastText: every column large_string, CSV exactly as in the file;
            the others: strings or native types.
        sha256: digest of the bytes as given (compressed, if they were).
        dialect: how the CSV is written; None for the other formats.
        warnings: what a person should know about the reading.
        content: the bytes as given, for standard input only: they cannot be read again.
        bad_rows: what was done with rows that cannot be read: "stop" or "skip".
        bad: the rows left out; they have no row number.
        inside: what of the file is meant: the file in a zip file, the sheet of a workbook.
        sheet: the sheet that was asked for; None: the first, or none in this format.
    """

    name: str
    path: Path | None
    format: str
    columns: tuple[str, ...]
    table: pa.Table
    sha256: str
    dialect: CsvDialect | None
    warnings: tuple[str, ...] = ()
    content: bytes | None = field(default=None, repr=False)
    bad_rows: str = "stop"
    bad: tuple[BadRow, ...] = field(default=(), repr=False)
    inside: tuple[str, ...] = ()
    sheet: str | None = None

    @property
    def skips_bad(self) -> bool:
        """Rows that cannot be read are left out."""
        return skips(self.bad_rows)

    def __len__(self) -> int:
        return int(self.table.num_rows)


def read_source(
    given: str | Path, stdin: BinaryIO | None = None, *, bad_rows: str = "stop"
) -> Source:
    """Read a table: CSV, TSV, JSON, JSON Lines, Parquet, Arrow, Excel, fastText; CSV on stdin.

    The name's ending decides (``formats.FORMATS``); where it stands for several formats, or says
    nothing, the content decides. Whether it is packed with gzip, bzip2, xz, Zstandard or zip, its
    first bytes tell.

    Args:
        given: the file; "-" for standard input; FILE::INSIDE for a file in a zip file, or a sheet.
        stdin: where "-" reads from; the process's standard input by default.
        bad_rows: "stop": a row that cannot be read is an error; "skip": it is left out, and the
            others are numbered as if it were not there.

    Raises:
        DataError: the file is missing, unreadable, empty, malformed, or of another format than its
            name says; the message says where, and what to do.
        UsageError: ``bad_rows`` is another word; a package of the extra ``files`` is missing.
    """
    skips(bad_rows)
    try:
        return parsed(_fetched(given, stdin), bad_rows)
    except MemoryError as error:
        raise DataError(
            f"{given}: does not fit into the memory of this machine",
            "give a part of it, or use a machine with more memory; predict reads files of any size",
        ) from error


@dataclass(frozen=True)
class Given:
    """A file as it was found.

    Attributes:
        raw: its bytes.
        name: what it is called.
        path: where it lies; None where it cannot be read again.
        inside: what of it is meant: a file in it, a sheet.
    """

    raw: bytes
    name: str
    path: Path | None = None
    inside: tuple[str, ...] = ()


def _fetched(given: str | Path, stdin: BinaryIO | None) -> Given:
    if str(given) == "-":
        stream = sys.stdin.buffer if stdin is None else stdin
        return Given(b"".join(stream_chunks(stream, STDIN_NAME)), STDIN_NAME)
    text, inside = split_inside(given)
    location = local_path(text)
    return Given(read_whole(location), location.name, location, inside)


def parsed(given: Given, bad_rows: str) -> Source:
    """Read a file that is whole in memory; errors as for ``read_source``."""
    plain = unwrapped(given.raw, given.name, given.inside)
    found = find_format(plain.data, plain.name, is_stdin=given.name == STDIN_NAME)
    data = plain.data
    if found.packing is not None:
        data = b"".join(unpacked([data], plain.name, found.packing, len(data)))
    check_format(data, found.kind, plain.name)
    sheet = plain.sheet(found.kind)
    content = FORMATS[found.kind].read(data, Reading(plain.name, skips(bad_rows), sheet))
    return Source(
        name=given.name,
        path=given.path,
        format=found.kind,
        columns=content.columns,
        table=content.table,
        sha256=hashlib.sha256(given.raw).hexdigest(),
        dialect=content.dialect,
        warnings=(*found.warnings, *content.warnings),
        content=given.raw if given.path is None else None,
        bad_rows=bad_rows,
        bad=content.bad,
        inside=given.inside,
        sheet=sheet,
    )


@dataclass(frozen=True)
class FoundFormat:
    """The format of a file, how it is packed, and what a person should know."""

    kind: str
    packing: Packing | None
    warnings: tuple[str, ...] = ()


def find_format(raw: bytes, name: str, *, is_stdin: bool = False) -> FoundFormat:
    """Tell the format of a file by its name and its beginning.

    How it is packed is told by its first bytes, whatever its name.

    Args:
        raw: the file, or its first 64 KiB.
        name: the file, for messages.
        is_stdin: it came on standard input, where CSV is expected.
    """
    packing = packing_of(raw)
    if is_stdin:
        return FoundFormat("csv", packing)
    if packing is None and raw:
        packing = packing_named(name)  # what is no such file will say so
    named = formats_named(name)
    if named and packing is not None:  # the format packs by itself, and is seldom packed again
        named = [kind for kind in named if FORMATS[kind].is_text]
    if len(named) == 1:
        return FoundFormat(named[0], packing)
    start = raw[:_SNIFFED] if packing is None else decompress_start(raw, _SNIFFED, packing)
    if start.startswith(_WIDE):
        start = start.decode("utf-16", "ignore").encode()
    if named:
        return FoundFormat(format_begun(start, named), packing)
    kind = format_begun(start)
    warning = f"{name}: the name does not say the format; read as {FORMATS[kind].title}"
    return FoundFormat(kind, packing, (warning,))


def check_format(data: bytes, kind: str, name: str) -> None:
    """Meet the usual mix-ups with a better message than the parser's.

    Args:
        data: the file, or its beginning, not compressed.
        kind: what it should be.
        name: the file, for messages.

    Raises:
        DataError: it is empty, or of another format.
    """
    title = FORMATS[kind].title
    if not data and FORMATS[kind].is_text:
        raise DataError(f"{name}: the file is empty", "give a file with a header and some rows")
    marked = marked_format(data[:_SNIFFED])
    if marked is not None and marked != kind:
        found = FORMATS[marked]
        remedy = f"rename it to end in {found.endings[0]}"
        raise DataError(f"{name}: this is {found.article}, not {title}", remedy)
    foreign = foreign_format(data) if marked is None else None
    if foreign is not None:
        raise DataError(f"{name}: this is {foreign.article}, not {title}", foreign.remedy)
