"""Files of other formats, told by their first bytes, and the way to one that can be read."""

from __future__ import annotations

from dataclasses import dataclass

from noisefix.tables.parquet import PARQUET_MAGIC

_PANDAS = "python -c \"import pandas; pandas.{read}.to_csv('data.csv', index=False)\""


@dataclass(frozen=True)
class ForeignFormat:
    """A format that is not the expected one.

    Attributes:
        title: its name.
        article: its name in a sentence.
        remedy: what to do.
    """

    title: str
    article: str
    remedy: str


def _convert(read: str) -> str:
    return "convert it to CSV: " + _PANDAS.format(read=read)


_MAGIC = (
    (PARQUET_MAGIC, ForeignFormat("Parquet", "a Parquet file", "rename it to end in .parquet")),
    (
        b"ARROW1",
        ForeignFormat("Arrow", "an Arrow (Feather) file", _convert("read_feather('FILE')")),
    ),
    (
        b"\xff\xff\xff\xff",
        ForeignFormat(
            "Arrow",
            "an Arrow stream",
            'convert it to CSV: python -c "import pyarrow; '
            "pyarrow.ipc.open_stream('FILE').read_pandas().to_csv('data.csv', index=False)\"",
        ),
    ),
    (b"FEA1", ForeignFormat("Feather", "a Feather file", _convert("read_feather('FILE')"))),
    (
        b"SQLite format 3\0",
        ForeignFormat(
            "SQLite",
            "an SQLite database",
            "write a table as CSV: sqlite3 -header -csv FILE 'select * from TABLE' > data.csv",
        ),
    ),
    (
        b"7z\xbc\xaf\x27\x1c",
        ForeignFormat("7z", "a 7z archive", "unpack it first: 7z x FILE"),
    ),
    (b"Rar!", ForeignFormat("RAR", "a RAR archive", "unpack it first: unrar x FILE")),
    (
        b"\xd0\xcf\x11\xe0",
        ForeignFormat("Excel", "an old Excel workbook", "save the sheet as CSV UTF-8"),
    ),
    (
        b"\x93NUMPY",
        ForeignFormat(
            "NumPy",
            "a NumPy array, which has no texts and labels by name",
            "probabilities are given with --pred-probs; write a table of texts and labels as CSV",
        ),
    ),
    (
        b"\x89HDF",
        ForeignFormat("HDF5", "an HDF5 file", _convert("read_hdf('FILE')")),
    ),
    (
        b"%PDF",
        ForeignFormat("PDF", "a PDF document", "copy its table into a spreadsheet, save as CSV"),
    ),
    (
        b"\x80\x02",
        ForeignFormat("pickle", "a Python pickle, which is not opened", "write the data as CSV"),
    ),
    (
        b"\x80\x04",
        ForeignFormat("pickle", "a Python pickle, which is not opened", "write the data as CSV"),
    ),
    (
        b"\x80\x05",
        ForeignFormat("pickle", "a Python pickle, which is not opened", "write the data as CSV"),
    ),
)
_FASTTEXT = (
    'convert it to CSV: python -c "import csv, sys; w = csv.writer(sys.stdout); '
    "w.writerow(['label', 'text']); w.writerows([l.split()[0][9:], l.strip().partition(' ')[2]] "
    'for l in sys.stdin if l.strip())" < FILE > data.csv'
)
_ZIP = b"PK\x03\x04"
_MARKUP = (b"<!doctype html", b"<html", b"<?xml", b"<table")


def foreign_format(data: bytes) -> ForeignFormat | None:
    """Tell by its beginning whether a file is of a format that noisefix knows and does not read."""
    found = next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)
    if found is not None:
        return found
    if data.startswith(_ZIP):
        return _in_zip(data)
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(_MARKUP):
        return ForeignFormat(
            "HTML",
            "a web page (HTML or XML)",
            "download the file itself (the raw link, after signing in); or "
            + _convert("read_html('FILE')[0]"),
        )
    if start.startswith(b"__label__"):
        return ForeignFormat("fastText", "a fastText file (__label__NAME text)", _FASTTEXT)
    if len(data) >= 512 and not data.strip(b"\0"):
        return ForeignFormat("NUL", "nothing but NUL bytes", "copy or download the file again")
    return None


def _in_zip(data: bytes) -> ForeignFormat:
    start = data[:4096]
    if b"xl/" in start or b"[Content_Types].xml" in start:
        return ForeignFormat(
            "Excel",
            "an Excel workbook",
            "save the sheet as CSV UTF-8 in the spreadsheet program; or "
            + _convert("read_excel('FILE')"),
        )
    if b"opendocument.spreadsheet" in start:
        return ForeignFormat(
            "ODS",
            "an OpenDocument spreadsheet",
            "save the sheet as CSV UTF-8 in the spreadsheet program",
        )
    if b".npy" in start:
        return ForeignFormat(
            "NumPy",
            "a NumPy archive, which has no texts and labels by name",
            "probabilities are given with --pred-probs; write a table of texts and labels as CSV",
        )
    return ForeignFormat(
        "zip",
        "a zip file or an Excel workbook",
        "unpack it (unzip FILE), or save the sheet as CSV UTF-8 in the spreadsheet program",
    )
