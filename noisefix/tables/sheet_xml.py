"""Where rows and cells stand in the XML of a sheet, so that some can be replaced in place."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape

_TAG = re.compile(rb"<[^\"'>]*(?:\"[^\"]*\"[^\"'>]*|'[^']*'[^\"'>]*)*>")
_REFERENCE = re.compile(r"\$?([A-Z]{1,3})\$?([0-9]+)")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_MOST = 32_767
"""UTF-16 units of a cell (Excel's specification)."""


class SheetError(Exception):
    """Why a sheet cannot be changed in place, as a sentence without its subject."""


@dataclass
class XmlCell:
    """A cell: where it begins and ends in the XML, and its attributes."""

    start: int
    end: int
    attributes: dict[str, str]


@dataclass
class XmlRow:
    """A row: where it and its start tag begin and end, and its cells by column, 1 = A."""

    start: int
    open_end: int
    end: int
    attributes: dict[str, str]
    cells: dict[int, XmlCell] = field(default_factory=dict)


@dataclass(frozen=True)
class SheetXml:
    """A sheet.

    Attributes:
        data: the XML.
        prefix: of the names of elements, such as "x:"; mostly empty.
        rows: by number, 1 = first.
        marks: local names of the elements in it.
    """

    data: bytes
    prefix: str
    rows: dict[int, XmlRow]
    marks: frozenset[str]


def parse_sheet(data: bytes) -> SheetXml:
    """Find the rows and cells of a sheet.

    Raises:
        SheetError: it is no XML in UTF-8, or declares entities.
    """
    finder = _Finder(data)
    try:
        finder.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise SheetError(f"is damaged ({error})") from error
    return SheetXml(data, finder.prefix, finder.rows, frozenset(finder.marks))


class _Finder:
    """Handlers of the parser's events."""

    def __init__(self, data: bytes) -> None:
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = _refuse
        self.parser.XmlDeclHandler = _check_encoding
        self.prefix = ""
        self.rows: dict[int, XmlRow] = {}
        self.marks: set[str] = set()
        self._data = data
        self._row: XmlRow | None = None
        self._cell: XmlCell | None = None
        self._number = self._column = 0

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        prefix, _, local = name.rpartition(":")
        self.marks.add(local)
        at = self.parser.CurrentByteIndex
        if local == "sheetData":
            self.prefix = f"{prefix}:" if prefix else ""
        elif local == "row":
            self._number = int(attributes.get("r", self._number + 1))
            self._column = 0
            self._row = XmlRow(at, self._tag_end(at), at, attributes)
            self.rows[self._number] = self._row
        elif local == "c" and self._row is not None:
            reference = attributes.get("r")
            self._column = column_of(reference) if reference else self._column + 1
            self._cell = XmlCell(at, self._tag_end(at), attributes)
            self._row.cells[self._column] = self._cell

    def _end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        if local == "c" and self._cell is not None:
            self._cell.end, self._cell = self._element_end(self._cell.end), None
        elif local == "row" and self._row is not None:
            self._row.end, self._row = self._element_end(self._row.open_end), None

    def _element_end(self, open_end: int) -> int:
        """Return the end of the element that ends now; an empty one is its start tag alone."""
        if self._data[open_end - 2 : open_end] == b"/>":
            return open_end
        return self._tag_end(self.parser.CurrentByteIndex)

    def _tag_end(self, at: int) -> int:
        found = _TAG.match(self._data, at)
        if found is None:
            raise SheetError("is written in another encoding than UTF-8")
        return found.end()


def _refuse(*_: Any) -> None:
    raise SheetError("declares a document type, which no spreadsheet program does")


def _check_encoding(version: str, encoding: str | None, standalone: int) -> None:
    if encoding is not None and encoding.lower() not in ("utf-8", "us-ascii"):
        raise SheetError(f"is written in {encoding}, not in UTF-8")


def column_of(reference: str) -> int:
    """Return the number of a cell's column, 1 = A."""
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise SheetError(f"has a cell called {reference[:20]!r}")
    number = 0
    for letter in found[1]:
        number = number * 26 + ord(letter) - 64
    return number


def column_letters(number: int) -> str:
    """Return what a column is called; 1 = A."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def cell_xml(prefix: str, row: int, column: int, value: str | float | None, style: str) -> bytes:
    """Return a cell as XML; a text is never a formula.

    Args:
        prefix: of the names of elements.
        row: its row, 1 = first.
        column: its column, 1 = A.
        value: a text, a number, or None: empty.
        style: number of its style; empty: none.

    Raises:
        ValueError: the text is too long, or has a character that no workbook can hold.
    """
    place = f'r="{column_letters(column)}{row}"' + (f' s="{style}"' if style else "")
    if value is None:
        return f"<{prefix}c {place}/>".encode()
    if not isinstance(value, str):
        return f"<{prefix}c {place}><{prefix}v>{value!r}</{prefix}v></{prefix}c>".encode()
    illegal = _ILLEGAL.search(value)
    if illegal:
        raise ValueError(f"a workbook cannot hold the character U+{ord(illegal[0]):04X}")
    if len(value.encode("utf-16-le")) > 2 * _MOST:
        raise ValueError(f"a cell of a workbook holds {_MOST:,} characters")
    text = escape(_ESCAPED.sub("_x005F_", value)).replace("\r", "_x000D_")
    body = f'<{prefix}t xml:space="preserve">{text}</{prefix}t>'
    inline = f"<{prefix}is>{body}</{prefix}is>"
    return f'<{prefix}c {place} t="inlineStr">{inline}</{prefix}c>'.encode()


def sheet_part(parts: Any, title: str) -> str:
    """Return which part of a workbook holds a sheet.

    Args:
        parts: the workbook as a ``ZipFile``.
        title: the sheet's name.

    Raises:
        SheetError: none does.
        KeyError: a part is not there.
    """
    from xml.etree import ElementTree

    def related(owner: str, wanted: str) -> dict[str, str]:
        path = PurePosixPath(owner)
        folder = path.parent if owner else PurePosixPath()
        listed = parts.read(str(folder / "_rels" / f"{path.name}.rels"))
        return {
            one.get("Id", ""): _joined(folder, one.get("Target", ""))
            for one in ElementTree.fromstring(listed)
            if one.get("Type", "").endswith(f"/{wanted}")
        }

    (book,) = list(related("", "officeDocument").values())[:1]
    sheets = related(book, "worksheet")
    for element in ElementTree.fromstring(parts.read(book)).iter():
        if element.tag.rpartition("}")[2] == "sheet" and element.get("name") == title:
            keys = [value for key, value in element.attrib.items() if key.endswith("}id")]
            if keys and keys[0] in sheets:
                return sheets[keys[0]]
    raise SheetError(f"has no sheet {title!r}")


def _joined(folder: PurePosixPath, target: str) -> str:
    if target.startswith("/"):
        return target[1:]
    done: list[str] = []
    for part in (folder / target).parts:
        if part == "..":
            done = done[:-1]
        elif part != ".":
            done.append(part)
    return "/".join(done)
