"""Read a data file as it is: every column, every row, and how it was written down."""

from __future__ import annotations

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
    without_packing,
)
from noisefix.tables.csv_source import read_csv
from noisefix.tables.dialect import CsvDialect
from noisefix.tables.foreign_formats import foreign_format
from noisefix.tables.jsonl import read_jsonl
from noisefix.tables.parquet import PARQUET_MAGIC, read_any_parquet
from noisefix.tables.raw_file import STDIN_NAME, read_whole, stream_chunks, unpacked

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
}
_TITLES = {"csv": "CSV", "jsonl": "JSON Lines", "parquet": "Parquet"}
_SNIFFED = 4096
MEMORY_FORMAT = "parquet"
"""In which a table is kept that lay in memory (``tables.memory``)."""


@dataclass(frozen=True)
class Source:
    """A data file as read.

    Attributes:
        name: for messages: the file's name, or ``<stdin>``.
        path: where the file is; None for standard input, and for a table in memory.
        format: "csv", "jsonl" or "parquet".
        columns: column names in file order.
        table: (N rows) CSV: every column large_string, exactly as in the file; JSONL and Parquet:
            strings or native types.
        sha256: digest of the bytes as given (compressed, if they were).
        dialect: how the CSV is written; None for the other formats.
        warnings: what a person should know about the reading.
        content: the bytes as given, where they cannot be read again: of standard input, and of a
            table in memory, which is what a Parquet file of it would be.
        bad_rows: what was done with rows that cannot be read: "stop" or "skip".
        bad: the rows left out; they have no row number.
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

    @property
    def skips_bad(self) -> bool:
        """Rows that cannot be read are left out."""
        return skips(self.bad_rows)

    def __len__(self) -> int:
        return int(self.table.num_rows)


def read_source(
    path: str | Path, stdin: BinaryIO | None = None, *, bad_rows: str = "stop"
) -> Source:
    """Read a CSV, TSV, JSONL or Parquet file, or CSV on standard input.

    The name's ending decides: ``.csv``, ``.tsv``, ``.txt``, ``.jsonl``, ``.ndjson``, ``.json``
    (JSON Lines), and ``.parquet``. With any other ending the content decides, and a warning says
    so. Whether it is packed with gzip, bzip2, xz or Zstandard, its first bytes tell.

    Args:
        path: the file; "-" for standard input.
        stdin: where "-" reads from; the process's standard input by default.
        bad_rows: "stop": a row that cannot be read is an error; "skip": it is left out, and the
            others are numbered as if it were not there.

    Raises:
        DataError: the file is missing, unreadable, empty, malformed, or of another format than its
            name says; the message says where, and what to do.
        UsageError: ``bad_rows`` is another word.
    """
    try:
        return _read(path, stdin, bad_rows)
    except MemoryError as error:
        raise DataError(
            f"{path}: does not fit into the memory of this machine",
            "give a part of it, or use a machine with more memory; predict reads files of any size",
        ) from error


def _read(path: str | Path, stdin: BinaryIO | None, bad_rows: str) -> Source:
    skip_bad = skips(bad_rows)
    if str(path) == "-":
        stream = sys.stdin.buffer if stdin is None else stdin
        raw, name, location = b"".join(stream_chunks(stream, STDIN_NAME)), STDIN_NAME, None
    else:
        location = local_path(path)
        raw, name = read_whole(location), location.name
    sha256 = hashlib.sha256(raw).hexdigest()
    kind, packing, warnings = find_format(raw, name, location)
    data = raw if packing is None else b"".join(unpacked([raw], name, packing, len(raw)))
    check_format(data, kind, name)
    dialect: CsvDialect | None = None
    bad: tuple[BadRow, ...] = ()
    if kind == "parquet":
        table = read_any_parquet(data, name)
    elif kind == "jsonl":
        table, survey = read_jsonl(data, name, skip_bad=skip_bad)
        warnings += survey.warnings
        bad = survey.bad
    else:
        content = read_csv(
            data, name, prefer_tab=without_packing(name).endswith(".tsv"), skip_bad=skip_bad
        )
        table, dialect, bad = content.table, content.dialect, content.bad
        warnings += content.warnings
    return Source(
        name=name,
        path=location,
        format=kind,
        columns=tuple(table.column_names),
        table=table,
        sha256=sha256,
        dialect=dialect,
        warnings=tuple(warnings),
        content=raw if location is None else None,
        bad_rows=bad_rows,
        bad=bad,
    )


def find_format(raw: bytes, name: str, path: Path | None) -> tuple[str, Packing | None, list[str]]:
    """Return the format, how it is packed, and warnings.

    How it is packed is told by its first bytes, whatever its name.

    Args:
        raw: the file, or its first 64 KiB.
        name: the file, for messages.
        path: where it is; None for standard input.
    """
    packing = packing_of(raw)
    if path is None:
        return "csv", packing, []
    if packing is None and raw:
        packing = packing_named(name)  # what is no such file will say so
    stem = without_packing(name)
    kind = next((kind for ending, kind in FORMATS.items() if stem.endswith(ending)), None)
    if kind is not None and not (packing is not None and kind == "parquet"):
        return kind, packing, []
    start = raw[:_SNIFFED] if packing is None else decompress_start(raw, _SNIFFED, packing)
    start = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    kind = "csv"
    if start.startswith(PARQUET_MAGIC):
        kind = "parquet"
    elif start.startswith(b"{"):
        kind = "jsonl"
    return kind, packing, [f"{name}: the name does not say the format; read as {_TITLES[kind]}"]


def check_format(data: bytes, kind: str, name: str) -> None:
    """Meet the usual mix-ups with a better message than the parser's.

    Args:
        data: the file, or its beginning, not compressed.
        kind: what it should be.
        name: the file, for messages.

    Raises:
        DataError: it is empty, or of another format.
    """
    if not data and kind != "parquet":
        raise DataError(f"{name}: the file is empty", "give a file with a header and some rows")
    found = foreign_format(data)
    if found is not None and found.title != _TITLES[kind]:
        raise DataError(f"{name}: this is {found.article}, not {_TITLES[kind]}", found.remedy)
