"""The formats that tables are read in: how each is told and called, and who reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from noisefix.tables.arrow_file import ARROW_FILE, ARROW_STREAM, read_arrow
from noisefix.tables.compression import without_packing
from noisefix.tables.content import Content, Reading
from noisefix.tables.csv_source import read_csv
from noisefix.tables.fasttext import begins_fasttext, read_fasttext
from noisefix.tables.json_array import begins_document, read_json_array
from noisefix.tables.jsonl import read_jsonl
from noisefix.tables.parquet import PARQUET_MAGIC, read_any_parquet
from noisefix.tables.xlsx import read_xlsx
from noisefix.tables.zip_file import is_workbook


@dataclass(frozen=True)
class Format:
    """A format of tables.

    Attributes:
        title: its name, as in "read as CSV".
        article: a file of it, as in "this is a Parquet file".
        endings: of file names, in lower case, the usual one first.
        begins: tells by the first 64 KiB whether a file is of this format.
        is_marked: ``begins`` is sure, whatever the name says.
        is_text: it is read as text: a name and the content may disagree, and lines mean something.
        read: reads a file that is whole in memory.
    """

    title: str
    article: str
    endings: tuple[str, ...]
    begins: Callable[[bytes], bool]
    is_marked: bool
    is_text: bool
    read: Callable[[bytes, Reading], Content]


def _csv(data: bytes, how: Reading) -> Content:
    prefer_tab = without_packing(how.name).endswith(".tsv")
    return read_csv(data, how.name, prefer_tab=prefer_tab, skip_bad=how.skip_bad)


def _jsonl(data: bytes, how: Reading) -> Content:
    table, survey = read_jsonl(data, how.name, skip_bad=how.skip_bad)
    return Content(table, survey.warnings, survey.bad)


FORMATS = {
    "parquet": Format(
        "Parquet",
        "a Parquet file",
        (".parquet", ".pq"),
        lambda start: start.startswith(PARQUET_MAGIC),
        is_marked=True,
        is_text=False,
        read=lambda data, how: Content(read_any_parquet(data, how.name)),
    ),
    "arrow": Format(
        "Arrow",
        "an Arrow (Feather) file",
        (".arrow", ".feather", ".ipc", ".arrows"),
        lambda start: start.startswith((ARROW_FILE, ARROW_STREAM)),
        is_marked=True,
        is_text=False,
        read=lambda data, how: read_arrow(data, how.name),
    ),
    "xlsx": Format(
        "Excel",
        "an Excel workbook",
        (".xlsx", ".xlsm"),
        is_workbook,
        is_marked=True,
        is_text=False,
        read=lambda data, how: read_xlsx(data, how.name, how.sheet),
    ),
    "fasttext": Format(
        "fastText",
        "a fastText file (__label__NAME text)",
        (".txt", ".ft", ".fasttext"),
        begins_fasttext,
        is_marked=True,
        is_text=True,
        read=lambda data, how: read_fasttext(data, how.name, skip_bad=how.skip_bad),
    ),
    "json": Format(
        "JSON",
        "a JSON array",
        (".json",),
        begins_document,
        is_marked=False,
        is_text=True,
        read=lambda data, how: read_json_array(data, how.name),
    ),
    "jsonl": Format(
        "JSON Lines",
        "a file of JSON Lines",
        (".jsonl", ".ndjson", ".json"),
        lambda start: start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"),
        is_marked=False,
        is_text=True,
        read=_jsonl,
    ),
    "csv": Format(
        "CSV",
        "a CSV file",
        (".csv", ".tsv", ".txt"),
        lambda start: True,
        is_marked=False,
        is_text=True,
        read=_csv,
    ),
}
"""In this order they are tried on a file whose name does not say what it is."""


def formats_named(name: str) -> list[str]:
    """Return the formats that the ending of a file's name stands for, packed or not."""
    stem = without_packing(name)
    return [key for key, kind in FORMATS.items() if stem.endswith(kind.endings)]


def format_begun(start: bytes, among: list[str] | None = None) -> str:
    """Tell a format by the beginning of a file; the last of them where nothing tells."""
    keys = among or list(FORMATS)
    return next((key for key in keys if FORMATS[key].begins(start)), keys[-1])


def marked_format(start: bytes) -> str | None:
    """Tell the format of a file by marks that no other file begins with; None where none is."""
    return next((k for k, kind in FORMATS.items() if kind.is_marked and kind.begins(start)), None)
