"""Read a data file as it is: every column, every row, and how it was written down."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from noisefix.errors import DataError
from noisefix.tables.atomic import read_bytes, read_error
from noisefix.tables.bad_rows import BadRow, skips
from noisefix.tables.compression import GZIP_MAGIC, decompress, decompress_start, is_gzip
from noisefix.tables.csv_source import read_csv
from noisefix.tables.dialect import CsvDialect
from noisefix.tables.jsonl import read_jsonl
from noisefix.tables.parquet import PARQUET_MAGIC, read_any_parquet
from noisefix.tables.raw_file import STDIN_NAME

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
_FOREIGN = (
    (PARQUET_MAGIC, "a Parquet file", "rename it to end in .parquet"),
    (GZIP_MAGIC, "a gzip file", "rename it to end in .gz, or unpack it: gunzip FILE"),
    (
        b"PK\x03\x04",
        "a zip file or an Excel workbook",
        "unpack it, or save the sheet as CSV UTF-8 in the spreadsheet program",
    ),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV UTF-8"),
)


@dataclass(frozen=True)
class Source:
    """A data file as read.

    Attributes:
        name: for messages: the file's name, or ``<stdin>``.
        path: where the file is; None for standard input.
        format: "csv", "jsonl" or "parquet".
        columns: column names in file order.
        table: (N rows) CSV: every column large_string, exactly as in the file; JSONL and Parquet:
            strings or native types.
        sha256: digest of the bytes as given (compressed, if they were).
        dialect: how the CSV is written; None for the other formats.
        warnings: what a person should know about the reading.
        content: the bytes as given, for standard input only: they cannot be read again.
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
    (JSON Lines), each with ``.gz`` after it or not, and ``.parquet``. With any other ending the
    content decides, and a warning says so.

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
    skip_bad = skips(bad_rows)
    if str(path) == "-":
        raw, name, location = _read_stdin(stdin), STDIN_NAME, None
    else:
        location = Path(path)
        raw, name = read_bytes(location), location.name
    sha256 = hashlib.sha256(raw).hexdigest()
    kind, is_packed, warnings = find_format(raw, name, location)
    data = decompress(raw, name) if is_packed else raw
    check_format(data, kind, name)
    dialect: CsvDialect | None = None
    bad: tuple[BadRow, ...] = ()
    if kind == "parquet":
        table = read_any_parquet(data, name)
    elif kind == "jsonl":
        lines: list[BadRow] = []
        table, more = read_jsonl(data, name, lines if skip_bad else None)
        warnings += more
        bad = tuple(lines)
    else:
        content = read_csv(data, name, prefer_tab=stem_of(name).endswith(".tsv"), skip_bad=skip_bad)
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


def _read_stdin(stdin: BinaryIO | None) -> bytes:
    stream = sys.stdin.buffer if stdin is None else stdin
    try:
        return stream.read()
    except OSError as error:
        raise read_error(error, STDIN_NAME) from error


def stem_of(name: str) -> str:
    """Return a file name in lower case without ``.gz``."""
    return name.lower().removesuffix(".gz")


def find_format(raw: bytes, name: str, path: Path | None) -> tuple[str, bool, list[str]]:
    """Return the format, whether it is packed with gzip, and warnings.

    Args:
        raw: the file, or its first 64 KiB.
        name: the file, for messages.
        path: where it is; None for standard input.
    """
    if path is None:
        return "csv", is_gzip(raw), []
    is_packed = name.lower().endswith(".gz")
    stem = stem_of(name)
    kind = next((kind for ending, kind in FORMATS.items() if stem.endswith(ending)), None)
    if kind is not None and not (is_packed and kind == "parquet"):
        return kind, is_packed, []
    is_packed = is_gzip(raw)
    start = decompress_start(raw, _SNIFFED) if is_packed else raw[:_SNIFFED]
    start = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    kind = "csv"
    if start.startswith(PARQUET_MAGIC):
        kind = "parquet"
    elif start.startswith(b"{"):
        kind = "jsonl"
    return kind, is_packed, [f"{name}: the name does not say the format; read as {_TITLES[kind]}"]


def check_format(data: bytes, kind: str, name: str) -> None:
    """Meet the usual mix-ups with a better message than the parser's.

    Args:
        data: the file, or its beginning, not compressed.
        kind: what it should be.
        name: the file, for messages.

    Raises:
        DataError: it is empty, or of another format.
    """
    if kind == "parquet":
        return
    for magic, what, remedy in _FOREIGN:
        if data.startswith(magic):
            raise DataError(f"{name}: this is {what}, not {_TITLES[kind]}", remedy)
    if not data:
        raise DataError(f"{name}: the file is empty", "give a file with a header and some rows")
