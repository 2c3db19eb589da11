"""Read a sheet of an Excel workbook: every cell a text, as it is seen."""

from __future__ import annotations

import datetime
import io
import re
import warnings
import zipfile
from dataclasses import dataclass
from typing import Any

from noisefix.errors import DataError
from noisefix.tables.content import Content
from noisefix.tables.csv_records import column_names
from noisefix.tables.extras import missing_package
from noisefix.tables.limits import too_much_unpacked, unpacked_limit

_PADDED = re.compile("0+")
_DECIMALS = re.compile(r"(?P<thousands>#,##)?0(?P<decimals>\.0+)?(?P<percent>%)?")
_LONG_FLOAT = 10**15
"""From here on a number of a spreadsheet has no digits after the point."""

_CAST_AWAY = "_x000D_"
"""How Excel writes a carriage return; of other escapes nobody can tell whether they are text."""


@dataclass(frozen=True)
class Layout:
    """Where in its sheet a table lies.

    Attributes:
        sheet: name of the sheet.
        header: row of the column names, 1 = first row of the sheet.
        first: column of the first one, 1 = A.
        rows: (N,) row of every data row.
    """

    sheet: str
    header: int
    first: int
    rows: list[int]


def read_xlsx(data: bytes, name: str, sheet: str | None = None) -> Content:
    """Read a sheet of a workbook.

    The first row with anything in it holds the column names; empty rows are no rows. A formula
    gives the value that the spreadsheet program has stored for it.

    Args:
        data: the workbook.
        name: the file, for messages.
        sheet: name of the sheet; None: the first.

    Raises:
        DataError: no workbook, no such sheet, nothing in it, or a doubled column name.
        UsageError: openpyxl is not installed.
    """
    return read_sheet(data, name, sheet)[0]


def read_sheet(data: bytes, name: str, sheet: str | None = None) -> tuple[Content, Layout]:
    """Read a sheet, and say where its table lies; as ``read_xlsx``."""
    import pyarrow as pa

    title, cells, n_unknown = _cells(data, name, sheet)
    where = f"{name}, sheet {title!r}"
    if len(cells) < 2:
        raise DataError(
            f"{where}: there are no rows", "name another sheet: FILE.xlsx::SHEET, or fill this one"
        )
    first = min(row.first for row in cells.values())
    width = max(len(row.texts) + row.first for row in cells.values()) - first
    padded = {
        number: [None] * (row.first - first)
        + row.texts
        + [None] * (width - len(row.texts) - row.first + first)
        for number, row in cells.items()
    }
    header = next(iter(padded))
    names = column_names([text or "" for text in padded.pop(header)], where)
    columns = zip(*padded.values(), strict=True)
    kind = pa.large_string()
    table = pa.table([pa.array(column, kind) for column in columns], list(names))
    said = (
        [
            f"{where}: {n_unknown} formulas have no stored value and are read as empty cells; "
            "open the file in a spreadsheet program and save it"
        ]
        if n_unknown
        else []
    )
    return Content(table, tuple(said)), Layout(title, header, first, list(padded))


def openpyxl_or(instead: str) -> Any:
    """Return the package openpyxl.

    Args:
        instead: what to do without it.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import openpyxl
    except ImportError as error:
        raise missing_package("openpyxl", "Excel workbooks need", instead=instead) from error
    return openpyxl


@dataclass(frozen=True)
class _Row:
    """The texts of a row from its first cell that is not empty to the last; ``first`` is 1 = A."""

    first: int
    texts: list[str | None]


def _cells(data: bytes, name: str, sheet: str | None) -> tuple[str, dict[int, _Row], int]:
    """Return the sheet's name, its rows that are not empty, and how many formulas lack a value."""
    openpyxl = openpyxl_or("save the sheet as CSV UTF-8")
    _check_size(data, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and dates that are no concern here
            title, found, n_formulas = _read(openpyxl, data, name, sheet, values=False)
            if n_formulas:
                formulas = found
                title, found, _ = _read(openpyxl, data, name, sheet, values=True)
                n_formulas = sum(_n_texts(row) for row in formulas.values()) - sum(
                    _n_texts(row) for row in found.values()
                )
    except (DataError, MemoryError):
        raise
    except Exception as error:  # whatever openpyxl and XML say of a file that is none of theirs
        raise DataError(
            f"{name}: cannot be read as an Excel workbook ({type(error).__name__})",
            "it is cut short, damaged or of another format; save it again, or as CSV UTF-8",
        ) from error
    return title, found, n_formulas


def _n_texts(row: _Row) -> int:
    return sum(text is not None for text in row.texts)


def _check_size(data: bytes, name: str) -> None:
    limit = unpacked_limit(len(data))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            size = sum(part.file_size for part in parts.infolist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise DataError(
            f"{name}: not a whole Excel workbook: {error}",
            "it is cut short, damaged or of another format; copy or save it again",
        ) from error
    if size > limit:
        raise too_much_unpacked(name, limit)


def _read(
    openpyxl: Any, data: bytes, name: str, sheet: str | None, *, values: bool
) -> tuple[str, dict[int, _Row], int]:
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=values)
    try:
        titles = [found.title for found in book.worksheets]
        if not titles or (sheet is not None and sheet not in titles):
            raise DataError(
                f"{name}: has no sheet {sheet!r}" if titles else f"{name}: has no sheets",
                f"name one of them: {', '.join(f'{name}::{title}' for title in titles[:20])}",
            )
        found = book.worksheets[0 if sheet is None else titles.index(sheet)]
        found.reset_dimensions()  # what a file says of them may be wrong
        rows, n_formulas = {}, 0
        for number, cells in enumerate(found.iter_rows(), start=1):
            n_formulas += sum(cell.data_type == "f" for cell in cells)
            row = _row([_text(cell) for cell in cells])
            if row is not None:
                rows[number] = row
        return found.title, rows, n_formulas
    finally:
        book.close()


def _row(texts: list[str | None]) -> _Row | None:
    places = [k for k, text in enumerate(texts) if text is not None]
    return _Row(places[0] + 1, texts[places[0] : places[-1] + 1]) if places else None


def _text(cell: Any) -> str | None:
    """Return what a cell shows; None where it is empty."""
    value = cell.value
    if value is None or value == "":
        return None
    if cell.data_type == "f":
        return "="  # a place holder: values are read in a pass of their own
    return shown(value, cell.number_format or "General")


def shown(value: Any, number_format: str) -> str:
    """Return a value as text: numbers as formatted where the format is a plain one, dates as ISO.

    Args:
        value: what the cell holds.
        number_format: how a spreadsheet program is told to show it.
    """
    if isinstance(value, str):
        return value.replace(_CAST_AWAY, "\r") if _CAST_AWAY in value else value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _number(value, number_format)
    if isinstance(value, datetime.datetime):
        is_date = not (value.hour or value.minute or value.second or value.microsecond)
        return value.date().isoformat() if is_date else value.isoformat(" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


def _number(value: int | float, number_format: str) -> str:
    if _PADDED.fullmatch(number_format) and value >= 0:
        return f"{value:0{len(number_format)}.0f}"
    found = _DECIMALS.fullmatch(number_format)
    if found is not None:
        n_decimals = len(found["decimals"] or ".") - 1
        comma = "," if found["thousands"] else ""
        scaled = value * 100 if found["percent"] else value
        return f"{scaled:{comma}.{n_decimals}f}{found['percent'] or ''}"
    if isinstance(value, int):
        return str(value)
    if value.is_integer() and abs(value) < _LONG_FLOAT:
        return str(int(value))
    return f"{value:.15g}"
