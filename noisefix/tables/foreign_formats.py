"""Files of other formats, told by their first bytes, and the way to one that can be read."""

from __future__ import annotations

from dataclasses import dataclass

_PANDAS = "python -c \"import pandas; pandas.{read}.to_csv('data.csv', index=False)\""


@dataclass(frozen=True)
class ForeignFormat:
    """A format that is not the expected one.

    Attributes:
        article: its name in a sentence.
        remedy: what to do.
    """

    article: str
    remedy: str


def _convert(read: str) -> str:
    return "convert it to CSV: " + _PANDAS.format(read=read)


_MAGIC = (
    (b"FEA1", ForeignFormat("an old Feather file (version 1)", _convert("read_feather('FILE')"))),
    (
        b"SQLite format 3\0",
        ForeignFormat(
            "an SQLite database",
            "name one of its tables: sqlite:///FILE::TABLE",
        ),
    ),
    (
        b"7z\xbc\xaf\x27\x1c",
        ForeignFormat("a 7z archive", "unpack it first: 7z x FILE"),
    ),
    (b"Rar!", ForeignFormat("a RAR archive", "unpack it first: unrar x FILE")),
    (
        b"\xd0\xcf\x11\xe0",
        ForeignFormat("an old Excel workbook", "save the sheet as CSV UTF-8"),
    ),
    (
        b"\x93NUMPY",
        ForeignFormat(
            "a NumPy array, which has no texts and labels by name",
            "probabilities are given with --pred-probs; write a table of texts and labels as CSV",
        ),
    ),
    (
        b"\x89HDF",
        ForeignFormat("an HDF5 file", _convert("read_hdf('FILE')")),
    ),
    (
        b"%PDF",
        ForeignFormat("a PDF document", "copy its table into a spreadsheet, save as CSV"),
    ),
    (
        b"\x80\x02",
        ForeignFormat("a Python pickle, which is not opened", "write the data as CSV"),
    ),
    (
        b"\x80\x04",
        ForeignFormat("a Python pickle, which is not opened", "write the data as CSV"),
    ),
    (
        b"\x80\x05",
        ForeignFormat("a Python pickle, which is not opened", "write the data as CSV"),
    ),
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
            "a web page (HTML or XML)",
            "download the file itself (the raw link, after signing in); or "
            + _convert("read_html('FILE')[0]"),
        )
    if len(data) >= 512 and not data.strip(b"\0"):
        return ForeignFormat("nothing but NUL bytes", "copy or download the file again")
    return None


def _in_zip(data: bytes) -> ForeignFormat:
    start = data[:4096]
    if b"opendocument.spreadsheet" in start:
        return ForeignFormat(
            "an OpenDocument spreadsheet",
            "save the sheet as CSV UTF-8 in the spreadsheet program",
        )
    if b".npy" in start:
        return ForeignFormat(
            "a NumPy archive, which has no texts and labels by name",
            "probabilities are given with --pred-probs; write a table of texts and labels as CSV",
        )
    return ForeignFormat("a zip file", "unpack it first: unzip FILE")
