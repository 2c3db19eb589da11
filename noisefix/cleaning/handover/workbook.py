"""A workbook for spreadsheet programs: every cell a text, a list of the classes to choose from."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from noisefix.cleaning.handover.rows import HandedRow
from noisefix.cleaning.handover.said import Said
from noisefix.errors import DataError
from noisefix.run.decisions import DROP, KEEP, REJECT, UNSURE
from noisefix.tables.limits import unpacked_limit
from noisefix.tables.xlsx import openpyxl_or

WIDTHS = {
    "id": 12,
    "row_number": 11,
    "text": 70,
    "given_label": 20,
    "suggested_label": 20,
    "p_error": 9,
    "p_suggested": 12,
    "flagged": 9,
    "reasons": 45,
    "nearest": 60,
    "decision": 20,
}
"""The columns, each with its width in signs."""

MAX_ROWS = 1_048_575
"""Rows of a sheet, without the header (Excel's specification)."""

MAX_SIGNS = 32_767
"""UTF-16 units of a cell (Excel's specification)."""

_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]")
_CUT = " [...]"


def workbook_bytes(rows: Sequence[HandedRow], class_names: Sequence[str]) -> bytes:
    """Return rows as an .xlsx file with an empty column ``decision``.

    Every cell but the numbers is a text, which no program runs as a formula or turns into a date;
    the header stays in sight; the decision is chosen from a list. Longer texts are cut to what a
    cell holds.

    Raises:
        UsageError: openpyxl is not installed.
        DataError: there are more rows than a sheet has.
    """
    openpyxl = openpyxl_or("use --format csv --bom")
    if len(rows) > MAX_ROWS:
        raise DataError(
            f"{len(rows):,} rows: a sheet holds {MAX_ROWS:,}",
            "write the flagged rows only: --only-flagged; or use --format csv",
        )
    book = openpyxl.Workbook(write_only=True)
    sheet, classes = book.create_sheet("rows"), book.create_sheet("classes")
    styles = _styles(sheet)
    choices = list(dict.fromkeys((*class_names, KEEP, DROP, REJECT, UNSURE)))
    for choice in choices:
        classes.append([_text_cell(classes, styles, choice)])
    _lay_out(sheet, len(rows), len(choices))
    sheet.append([_text_cell(sheet, styles, name, "title") for name in WIDTHS])
    for row in rows:
        sheet.append(_cells(sheet, styles, row))
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _lay_out(sheet: Any, n_rows: int, n_choices: int) -> None:
    """Set widths, the frozen header, the filter, and the list of the decision column."""
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    for k, width in enumerate(WIDTHS.values(), start=1):
        sheet.column_dimensions[get_column_letter(k)].width = width
    last = get_column_letter(len(WIDTHS))
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:{last}{n_rows + 1}"
    if n_rows:
        validation = DataValidation("list", f"classes!$A$1:$A${n_choices}", allow_blank=True)
        validation.error, validation.showErrorMessage = "Choose one from the list.", True
        validation.add(f"{last}2:{last}{n_rows + 1}")
        sheet.data_validations.append(validation)


def _cells(sheet: Any, styles: dict[str, Any], row: HandedRow) -> list[Any]:
    values = (
        row.id,
        row.row_number,
        row.text,
        row.given_label or "",
        row.suggested_label,
        _rounded(row.p_error),
        _rounded(row.p_suggested),
        "yes" if row.is_issue else "no",
        row.why,
        row.alike,
        "",
    )
    return [_text_cell(sheet, styles, v) if isinstance(v, str) else v for v in values]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _text_cell(sheet: Any, styles: dict[str, Any], text: str, kind: str = "text") -> Any:
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet, _fitting(text))
    cell.data_type = "s"  # openpyxl takes what begins with "=" for a formula
    # A style made anew for each cell would double the time.
    cell._style = styles["quoted" if _FORMULA.match(text) else kind]
    return cell


def _styles(sheet: Any) -> dict[str, Any]:
    """Return the styles of cells by kind: all of them texts, wrapped, from the top down."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment, Font

    found = {}
    for kind in ("text", "title", "quoted"):
        cell = WriteOnlyCell(sheet, "")
        cell.number_format = "@"
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        cell.font = Font(bold=kind == "title")
        cell.quotePrefix = kind == "quoted"  # as if a person had typed an apostrophe in front
        found[kind] = cell._style
    return found


def _fitting(text: str) -> str:
    text = _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)
    if 2 * len(text) <= MAX_SIGNS:
        return text
    units = text.encode("utf-16-le")
    if len(units) <= 2 * MAX_SIGNS:
        return text
    # "ignore" drops the half of a sign outside of the basic plane that a cut may leave.
    return units[: 2 * (MAX_SIGNS - len(_CUT))].decode("utf-16-le", "ignore") + _CUT


def is_workbook(start: bytes) -> bool:
    """Tell by the first bytes of a file whether it may be a workbook."""
    return start.startswith(b"PK\x03\x04")


def read_workbook(path: Path) -> tuple[tuple[str, ...], list[Said]]:
    """Read ids and decisions from the first sheet that has both columns.

    Returns:
        The names of the columns, and what each row says; rows without an id are left out.

    Raises:
        UsageError: openpyxl is not installed.
        DataError: the file is no workbook, unpacks to too much, or has no such sheet.
    """
    openpyxl = openpyxl_or("use --format csv --bom")
    try:
        with zipfile.ZipFile(path) as parts:
            size = sum(part.file_size for part in parts.infolist())
        limit = unpacked_limit(path.stat().st_size)
        book = (
            openpyxl.load_workbook(path, read_only=True, data_only=True) if size <= limit else None
        )
        sheets = [list(s.iter_rows(values_only=True)) for s in book.worksheets] if book else []
    except MemoryError:
        raise
    except Exception as error:  # whatever openpyxl and XML say of a file that is none of theirs
        raise DataError(
            f"{path.name}: cannot be read as an Excel workbook ({type(error).__name__})",
            "save it as .xlsx or as CSV UTF-8 in the spreadsheet program",
        ) from error
    if book is None:
        raise DataError(
            f"{path.name}: unpacks to {size:,} bytes, more than the {limit:,} that are read",
            "save the sheet as CSV UTF-8 in the spreadsheet program",
        )
    book.close()
    for cells in sheets:
        header = tuple("" if name is None else str(name) for name in cells[0]) if cells else ()
        if {"id", "decision"} <= set(header):
            return header, _said(cells, header.index("id"), header.index("decision"))
    raise DataError(
        f"{path.name}: no sheet has the columns id and decision",
        "give a file that apply --format xlsx has written, with its column names",
    )


def _said(cells: Iterable[Sequence[Any]], id_column: int, decision: int) -> list[Said]:
    found = []
    for number, row in enumerate(cells, start=1):
        key = _as_text(row[id_column])
        if number > 1 and key:
            found.append(Said(key, _as_text(row[decision]), f"row {number}"))
    return found


def _as_text(cell: Any) -> str:
    """Return a cell as it was typed: programs store 12 as 12.0, and true as a truth value."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
