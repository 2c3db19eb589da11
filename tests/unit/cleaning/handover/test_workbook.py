from __future__ import annotations

import sys
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisefix.cleaning.handover import workbook
from noisefix.cleaning.handover.rows import HandedRow
from noisefix.cleaning.handover.workbook import (
    MAX_SIGNS,
    WIDTHS,
    is_workbook,
    read_workbook,
    workbook_bytes,
)
from noisefix.errors import DataError, UsageError

CLASSES = ("bill", "=ship", "keep")
FORMULAS = ("=cmd|' /c calc'!A0", "+1+1", "-x", "@SUM(A1)", " =1", "＝1")


@pytest.fixture
def openpyxl():
    return pytest.importorskip("openpyxl", reason='pip install "noisefix[files]"')


@pytest.fixture
def written(openpyxl, tmp_path):
    """Return a function that writes rows and opens them as a spreadsheet program would."""

    def write(rows):
        path = tmp_path / "w.xlsx"
        path.write_bytes(workbook_bytes(rows, CLASSES))
        return path, openpyxl.load_workbook(path)

    return write


def test_a_sheet_to_work_with(written, handed):
    _, book = written([handed(), handed(id="b")])
    sheet = book["rows"]
    assert [cell.value for cell in sheet[1]] == list(WIDTHS)
    assert sheet.freeze_panes == "A2"
    assert sheet.column_dimensions["C"].width == WIDTHS["text"]
    assert sheet.auto_filter.ref == "A1:K3"
    (choice,) = sheet.data_validations.dataValidation
    assert (choice.type, str(choice.sqref), choice.formula1) == (
        "list",
        "K2:K3",
        "classes!$A$1:$A$6",
    )
    assert [row[0].value for row in book["classes"].rows] == [*CLASSES, "drop", "reject", "unsure"]
    values = [cell.value for cell in sheet[2]]
    assert values[:7] == ["a", 1, "where is my parcel", "bill", "ship", 0.93, 0.91]
    assert values[7:10] == [
        "yes",
        "9 of 10 nearest rows say ship; the name fits",
        "0.87 ship: parcel lost",
    ]


@pytest.mark.parametrize("text", FORMULAS)
def test_nothing_in_it_is_a_formula(written, handed, text):
    row = handed(id=text, text=text, given_label=text, suggested_label=text, reasons=(text,))
    path, book = written([row])
    cells = [cell for sheet in book for line in sheet.rows for cell in line]
    assert not [cell.coordinate for cell in cells if cell.data_type == "f"]
    assert [book["rows"][f"{column}2"].value for column in "ACDEI"] == [text] * 5
    assert all(book["rows"][f"{column}2"].number_format == "@" for column in "ACDEIK")
    assert all(book["rows"][f"{column}2"].quotePrefix for column in "ACDEI")
    with zipfile.ZipFile(path) as parts:
        assert not [n for n in parts.namelist() if b"<f>" in parts.read(n) and "sheet" in n]


def test_texts_longer_than_a_cell_are_cut_between_signs(written, handed):
    _, book = written([handed(text="x" + "😀" * 20_000), handed(text="y" * MAX_SIGNS)])
    first, second = (book["rows"][f"C{row}"].value for row in (2, 3))
    assert first.endswith("😀 [...]")
    assert MAX_SIGNS - 1 <= len(first.encode("utf-16-le")) / 2 <= MAX_SIGNS
    assert second == "y" * MAX_SIGNS


def test_decisions_filled_in_come_back(written, handed, openpyxl):
    path, book = written([handed(id=key) for key in ("a", "-1", "007", "d")])
    for row, decision in enumerate(("ship", 12.0, "keep", None), start=2):
        book["rows"][f"K{row}"].value = decision
    book["rows"]["A3"].value = -1
    book.save(path)
    assert is_workbook(path.read_bytes())
    columns, said = read_workbook(path)
    assert columns == tuple(WIDTHS)
    assert [(s.id, s.decision, s.where) for s in said] == [
        ("a", "ship", "row 2"),
        ("-1", "12", "row 3"),
        ("007", "keep", "row 4"),
        ("d", "", "row 5"),
    ]


@settings(max_examples=20)
@given(text=st.text(max_size=60))
def test_any_text_can_be_written_and_ids_come_back(text):
    pytest.importorskip("openpyxl", reason='pip install "noisefix[files]"')
    row = HandedRow("a", 1, text, None, "ship", None, None, False, (text,))
    assert is_workbook(workbook_bytes([row], CLASSES))


def test_what_is_no_workbook_of_ours_is_refused(openpyxl, tmp_path, monkeypatch):
    path = tmp_path / "w.xlsx"
    path.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(DataError, match=r"w.xlsx: cannot be read as an Excel workbook"):
        read_workbook(path)
    book = openpyxl.Workbook()
    book.active.append(["id", "text"])
    book.save(path)
    with pytest.raises(DataError, match="no sheet has the columns id and decision"):
        read_workbook(path)
    monkeypatch.setenv("NOISEFIX_MAX_UNPACKED", "100")
    with pytest.raises(DataError, match="unpacks to"):
        read_workbook(path)


def test_more_rows_than_a_sheet_holds(openpyxl, handed, monkeypatch):
    monkeypatch.setattr(workbook, "MAX_ROWS", 1)
    with pytest.raises(DataError, match="a sheet holds 1") as refused:
        workbook_bytes([handed(), handed()], CLASSES)
    assert "--only-flagged" in refused.value.hint


def test_without_openpyxl_the_remedy_is_said(handed, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(UsageError, match="openpyxl") as refused:
        workbook_bytes([handed()], CLASSES)
    assert 'pip install "noisefix[files]"' in refused.value.hint
