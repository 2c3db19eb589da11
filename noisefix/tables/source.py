"""Read a data file as it is: every column, every row, and how it was written down."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from noisefix.errors import DataError
from noisefix.tables.addresses import local_path
from noisefix.tables.bad_rows import BadRow, skips
from noisefix.tables.content import Reading
from noisefix.tables.dialect import CsvDialect
from noisefix.tables.formats import FORMATS
from noisefix.tables.places import split_inside
from noisefix.tables.raw_file import STDIN_NAME, read_whole, stream_chunks, unpacked
from noisefix.tables.recognize import FoundFormat, check_format, find_format
from noisefix.tables.remote import file_name, is_remote, opened_remote, shown_address
from noisefix.tables.several import (
    Part,
    Readable,
    combined_sha256,
    combined_table,
    files_of,
    is_pattern,
    name_of,
    only_one,
    row_ids,
)
from noisefix.tables.sql import read_sql
from noisefix.tables.sql_url import is_sql, shown_sql, table_name
from noisefix.tables.wrapped import unwrapped

if TYPE_CHECKING:
    import pyarrow as pa

MEMORY_FORMAT = "parquet"
"""In which a table is kept that lay in memory (``tables.memory``)."""


@dataclass(frozen=True)
class Source:
    """A data file as read.

    Attributes:
        name: for messages: the file's name, or ``<stdin>``; of a part, that below their folder.
        path: where the file is; None for standard input, addresses, several files, and a table in
            memory.
        format: one of ``formats.FORMATS``.
        columns: column names in file order.
        table: (N rows) CSV, Excel, fastText: every column large_string, CSV exactly as in the file;
            the others: strings or native types.
        sha256: digest of the bytes as given (compressed, if they were).
        dialect: how the CSV is written; None for the other formats.
        warnings: what a person should know about the reading.
        content: the bytes as given, where they cannot be read again: of standard input, of an
            address; of a table of a database or in memory, what a Parquet file of it would be.
        bad_rows: what was done with rows that cannot be read: "stop" or "skip".
        bad: the rows left out; they have no row number.
        inside: what of the file is meant: the file in a zip file, the sheet of a workbook.
        sheet: the sheet that was asked for; None: the first, or none in this format.
        address: where it comes from, as it may be shown; None: from here.
        parts: the files that it is made of, in the order of the rows; empty: it is one file.
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
    address: str | None = None
    parts: tuple[Source, ...] = field(default=(), repr=False)

    @property
    def row_ids(self) -> list[str]:
        """(N,) ids of rows that have none of their own."""
        return row_ids([(part.name, len(part)) for part in self.parts], len(self))

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it was read from; none where it came from elsewhere."""
        paths = [part.path for part in self.parts] or [self.path]
        return tuple(path for path in paths if path is not None)

    @property
    def skips_bad(self) -> bool:
        """Rows that cannot be read are left out."""
        return skips(self.bad_rows)

    def __len__(self) -> int:
        return int(self.table.num_rows)


def read_source(
    given: Readable, stdin: BinaryIO | None = None, *, bad_rows: str = "stop"
) -> Source:
    """Read a table: CSV, TSV, JSON, JSON Lines, Parquet, Arrow, Excel, fastText; CSV on stdin.

    The name's ending decides (``formats.FORMATS``); where it stands for several formats, or says
    nothing, the content decides. Whether it is packed with gzip, bzip2, xz, Zstandard or zip, its
    first bytes tell.

    Args:
        given: the file; "-" for standard input; FILE::INSIDE for a file in a zip file, or a sheet;
            an address (https://, s3://, hf:// ...); URL::TABLE of a database; a folder, a pattern
            (``part-*.csv``) or a list of files with the same columns.
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
        parts = files_of(given)
        if parts is None:
            return parsed(_fetched(only_one(given), stdin), bad_rows)
        return read_parts(parts, name_of(given, parts), bad_rows=bad_rows)
    except MemoryError as error:
        raise DataError(
            f"{_shown(given)}: does not fit into the memory of this machine",
            "give a part of it, or use a machine with more memory; predict reads files of any size",
        ) from error


def names_table(given: str | Path) -> bool:
    """Tell by what it is called that a table is meant: part of a file, or something elsewhere."""
    is_elsewhere = is_sql(given) or is_remote(given)
    return is_elsewhere or bool(split_inside(given)[1]) or is_pattern(given)


def _shown(given: Readable) -> str:
    only = only_one(given)
    return shown_sql(only) if is_sql(only) else shown_address(only)


@dataclass(frozen=True)
class Given:
    """A file as it was found.

    Attributes:
        raw: its bytes.
        name: what it is called.
        path: where it lies; None where it cannot be read again.
        inside: what of it is meant: a file in it, a sheet.
        address: where it comes from, as it may be shown; None: from here.
        kind: its format, where its name does not say it.
    """

    raw: bytes
    name: str
    path: Path | None = None
    inside: tuple[str, ...] = ()
    address: str | None = None
    kind: str | None = None


def _fetched(given: str | Path, stdin: BinaryIO | None) -> Given:
    if str(given) == "-":
        stream = sys.stdin.buffer if stdin is None else stdin
        return Given(b"".join(stream_chunks(stream, STDIN_NAME)), STDIN_NAME)
    if is_sql(given):
        return Given(read_sql(given), table_name(given), address=shown_sql(given), kind="parquet")
    text, inside = split_inside(given)
    if is_remote(text):
        shown = shown_address(text)
        with opened_remote(text) as file:
            raw = b"".join(stream_chunks(file, shown))
        return Given(raw, file_name(text), None, inside, shown)
    return _local(local_path(text), inside)


def _local(path: Path, inside: tuple[str, ...]) -> Given:
    return Given(read_whole(path), path.name, path, inside)


def read_copy(path: Path, about: Mapping[str, Any]) -> Source:
    """Read the copy of an input that cannot be read again where it comes from.

    Args:
        path: the copy.
        about: what is recorded of the input: name, format, inside, address, bad_rows.

    Raises:
        DataError: as for ``read_source``.
    """
    kind, inside = str(about["format"]), tuple(about.get("inside", ()))
    given = Given(read_whole(path), str(about["name"]), None, inside, about.get("address"), kind)
    return parsed(given, str(about.get("bad_rows", "stop")))


def parsed(given: Given, bad_rows: str) -> Source:
    """Read a file that is whole in memory; errors as for ``read_source``."""
    plain = unwrapped(given.raw, given.name, given.inside)
    found = find_format(plain.data, plain.name, is_stdin=given.name == STDIN_NAME)
    if given.kind is not None:
        found = FoundFormat(given.kind, found.packing)
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
        address=given.address,
    )


def read_parts(files: Sequence[Part], name: str, *, bad_rows: str) -> Source:
    """Read several files as one table.

    Args:
        files: the files.
        name: what they are called together.
        bad_rows: as for ``read_source``.

    Raises:
        DataError: as ``read_source``; they are of several formats, or have different columns.
    """
    parts = [replace(parsed(_local(file.path, ()), bad_rows), name=file.name) for file in files]
    first = parts[0]
    other = next((part for part in parts if part.format != first.format), None)
    if other is not None:
        titles = FORMATS[first.format].title, FORMATS[other.format].title
        raise DataError(
            f"{name}: {first.name} is {titles[0]}, but {other.name} is {titles[1]}",
            'name files of one format, for example with a pattern: "FOLDER/*.csv"',
        )
    table = combined_table([part.table for part in parts], [part.name for part in parts], name)
    return Source(
        name=name,
        path=None,
        format=first.format,
        columns=tuple(table.column_names),
        table=table,
        sha256=combined_sha256([part.sha256 for part in parts]),
        dialect=first.dialect,
        warnings=tuple(warning for part in parts for warning in part.warnings),
        bad_rows=bad_rows,
        bad=tuple(bad for part in parts for bad in part.bad),
        parts=tuple(parts),
    )
