"""Change cells of a workbook in place: all other parts and cells are copied as they are."""

from __future__ import annotations

import io
import re
import zipfile
from xml.sax.saxutils import escape

from noisefix.errors import DataError
from noisefix.tables.changes import Changes, cannot_hold, refuse_new_rows
from noisefix.tables.sheet_xml import (
    SheetError,
    SheetXml,
    XmlCell,
    XmlRow,
    cell_xml,
    column_letters,
    parse_sheet,
    sheet_part,
)
from noisefix.tables.source import Source
from noisefix.tables.xlsx import Layout, read_sheet, shown

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,12})?")
_FORMULA = re.compile(rb"<(?:\w+:)?f[ >]")
_SHARED = re.compile(rb"<(?:\w+:)?f\b[^>]*\sref=")
_DIMENSION = re.compile(rb'<(?:\w+:)?dimension\b[^>]*?\sref=["\'][A-Z]+\d+:([A-Z]+)')
_SPANS = re.compile(rb"\sspans=[\"'][^\"']*[\"']")
_TIED = {
    "f": "formulas",
    "mergeCell": "merged cells",
    "tablePart": "tables",
    "conditionalFormatting": "rules of formatting",
    "hyperlink": "links",
    "legacyDrawing": "comments",
    "drawing": "pictures or charts",
}
"""What in a sheet names rows by their number."""

Edit = tuple[int, int, bytes]
"""(start, end, new bytes) of what is replaced."""


def rewrite_xlsx(raw: bytes, source: Source, changes: Changes) -> bytes:
    """Return the workbook with the changes made in the sheet that was read.

    Only the XML of that sheet changes, and there only the cells that are edited or added. A cell
    that held a number holds one again where the new value is one; all else is text, and never a
    formula.

    Raises:
        DataError: the sheet is damaged; a value that no cell can hold; rows would be dropped while
            formulas or the like name rows by their number.
    """
    refuse_new_rows(source, changes, "a workbook")
    _, layout = read_sheet(raw, source.name, source.sheet)
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as parts:
            part = sheet_part(parts, layout.sheet)
            sheet = parse_sheet(parts.read(part))
            others = _formulas_about(parts, part, layout.sheet) if changes.dropped else ""
            new = _rewritten(sheet, layout, source, changes, others)
            return _with_part(parts, part, new)
    except (SheetError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{source.name}, sheet {layout.sheet!r}: cannot be changed in place: it {error}",
            "save the workbook again in a spreadsheet program, or save the sheet as CSV UTF-8",
        ) from error


def _with_part(parts: zipfile.ZipFile, name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as copy:
        for info in parts.infolist():
            data = content if info.filename == name else parts.read(info)
            copy.writestr(info, data, compress_type=info.compress_type)
    return file.getvalue()


def _rewritten(
    sheet: SheetXml, layout: Layout, source: Source, changes: Changes, others: str
) -> bytes:
    if changes.dropped:
        _check_droppable(sheet, layout, source, others)
    last = layout.first + len(source.columns) - 1
    places = {name: layout.first + k for k, name in enumerate(source.columns)}
    edits: dict[int, list[Edit]] = {number: [] for number in sheet.rows}
    for row, edited in changes.edits.items():
        number = layout.rows[row - 1]
        for column, value in edited.items():
            edit = _edit(sheet, number, places[column], value, (source, row, column))
            edits[number] += edit
    for k, (name, values) in enumerate(changes.added.items(), start=last + 1):
        edits[layout.header] += _edit(sheet, layout.header, k, name, (source, 0, name), last)
        for row, number in enumerate(layout.rows, start=1):
            edits[number] += _edit(sheet, number, k, values[row - 1], (source, row, name))
    head = []
    if changes.added:
        head = _dimension(sheet, last + len(changes.added))
        for number, found in sheet.rows.items():
            edits[number] += _spans(sheet, found)
    gone = {layout.rows[row - 1] for row in changes.dropped}
    return _applied(sheet.data, [*head, *_rows(sheet, edits, gone)])


def _edit(
    sheet: SheetXml,
    number: int,
    column: int,
    value: str | None,
    where: tuple[Source, int, str],
    like: int = 0,
) -> list[Edit]:
    """Give a cell a value; ``like`` is the column whose style a new cell takes."""
    source, row, name = where
    cells = sheet.rows[number].cells
    cell = cells.get(column)
    if cell is None and value is None:
        return []
    model = cell or cells.get(like)
    style = "" if model is None else model.attributes.get("s", "")
    typed: str | float | None = value
    if cell is not None and value is not None:
        typed = _typed(sheet, cell, value)
    try:
        xml = cell_xml(sheet.prefix, number, column, typed, style)
    except ValueError as error:
        raise cannot_hold(source, row, name, value or "", str(error)) from error
    if cell is not None:
        return [(cell.start, cell.end, xml)]
    at = max((cell.end for k, cell in cells.items() if k < column), default=0)
    at = at or sheet.rows[number].open_end
    return [(at, at, xml)]


def _typed(sheet: SheetXml, cell: XmlCell, value: str) -> str | float:
    """Return a number for a cell with a number, where it shows as the value."""
    if _SHARED.search(sheet.data, cell.start, cell.end):
        raise SheetError("has a formula that other cells share in a cell that is changed")
    if cell.attributes.get("t", "n") == "n" and _NUMBER.fullmatch(value):
        number = float(value) if "." in value else int(value)
        if shown(number, "General") == value:
            return number
    return value


def _check_droppable(sheet: SheetXml, layout: Layout, source: Source, others: str) -> None:
    found = [words for mark, words in _TIED.items() if mark in sheet.marks]
    found += [others] if others else []
    if found or b"<![CDATA[" in sheet.data:
        raise DataError(
            f"{source.name}, sheet {layout.sheet!r}: rows cannot be taken out of it, for rows are "
            f"named by their number there: {', '.join(found) or 'raw text'}",
            "use --strategy flag or relabel; or save the sheet as CSV UTF-8 and clean that",
        )


def _formulas_about(parts: zipfile.ZipFile, own: str, title: str) -> str:
    """Say that other sheets have formulas about a sheet; "" where they have none."""
    for name in parts.namelist():
        if name.startswith("xl/worksheets/") and name.endswith(".xml") and name != own:
            data = parts.read(name)
            if _FORMULA.search(data) and escape(title).encode() in data:
                return "formulas of other sheets"
    return ""


def _rows(sheet: SheetXml, edits: dict[int, list[Edit]], gone: set[int]) -> list[Edit]:
    """Return the rows that change; below those taken out, they are counted anew."""
    changed: list[Edit] = []
    n_gone = 0
    for number, row in sorted(sheet.rows.items()):
        if number in gone:
            n_gone += 1
            changed.append((row.start, row.end, b""))
        elif n_gone:
            local = [(start - row.start, end - row.start, new) for start, end, new in edits[number]]
            text = _applied(sheet.data[row.start : row.end], local)
            changed.append((row.start, row.end, _renumbered(text, number - n_gone)))
        else:
            changed += edits[number]
    return changed


def _renumbered(row: bytes, number: int) -> bytes:
    """Give a row and its cells another number: the attribute ``r`` of their start tags."""
    own = re.sub(rb'(<(?:\w+:)?row\b[^>]*?\sr=["\'])\d+', rb"\g<1>%d" % number, row, count=1)
    return re.sub(rb'(<(?:\w+:)?c\b[^>]*?\sr=["\'][A-Z]+)\d+', rb"\g<1>%d" % number, own)


def _dimension(sheet: SheetXml, last: int) -> list[Edit]:
    """Let the extent that a sheet claims hold new columns too."""
    start = min((row.start for row in sheet.rows.values()), default=0)
    found = _DIMENSION.search(sheet.data, 0, start)
    return [(found.start(1), found.end(1), column_letters(last).encode())] if found else []


def _spans(sheet: SheetXml, row: XmlRow) -> list[Edit]:
    """Take out what a row claims of its extent, which need not be there."""
    found = _SPANS.search(sheet.data, row.start, row.open_end)
    return [(found.start(), found.end(), b"")] if found else []


def _applied(data: bytes, edits: list[Edit]) -> bytes:
    pieces: list[bytes] = []
    copied = 0
    for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
        pieces += [data[copied:start], new]
        copied = end
    return b"".join([*pieces, data[copied:]])
