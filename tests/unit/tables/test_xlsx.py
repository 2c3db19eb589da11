from __future__ import annotations

import datetime
import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from noisefix.cleaning.rewrite import rewritten
from noisefix.errors import DataError, UsageError
from noisefix.tables.source import read_source

HEAD = ["text", "label"]


def book_bytes(book: Any) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def saved(path: Path, rows: list[list[Any]], **sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    for title, content in {"first": rows, **sheets}.items():
        sheet = book.create_sheet(title)
        for row in content:
            sheet.append(row)
    del book["Sheet"]
    path.write_bytes(book_bytes(book))
    return path


def with_part(path: Path, name: str, change: Any) -> None:
    """Change the text of one part of a workbook."""
    raw, file = path.read_bytes(), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(file, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            new.writestr(info, change(data.decode()).encode() if info.filename == name else data)
    path.write_bytes(file.getvalue())


@pytest.mark.parametrize(
    ("value", "number_format", "shown"),
    [
        (7, "General", "7"),
        (7.0, "General", "7"),
        (0.1 + 0.2, "General", "0.3"),
        (123, "00000", "00123"),
        (123456789012345, "General", "123456789012345"),
        (1234.5, "#,##0.00", "1,234.50"),
        (3, "0.0", "3.0"),
        (0.25, "0%", "25%"),
        (0.125, "0.0%", "12.5%"),
        (True, "General", "TRUE"),
        (datetime.datetime(2024, 1, 31), "dd.mm.yyyy", "2024-01-31"),
        (datetime.datetime(2024, 1, 31, 13, 5), "dd.mm.yyyy hh:mm", "2024-01-31 13:05:00"),
        (datetime.time(13, 5), "hh:mm", "13:05:00"),
        ("007", "@", "007"),
        ("#N/A", "General", "#N/A"),
        (" x ", "General", " x "),
    ],
)
def test_cells_are_read_as_they_are_seen(
    tmp_path: Path, value: Any, number_format: str, shown: str
) -> None:
    book = openpyxl.Workbook()
    book.active.append(HEAD)
    book.active.append(["a", value])
    book.active["B2"].number_format = number_format
    path = tmp_path / "d.xlsx"
    path.write_bytes(book_bytes(book))
    assert read_source(path).table["label"].to_pylist() == [shown]


def test_a_table_may_stand_anywhere_and_have_gaps(tmp_path: Path) -> None:
    rows = [[], [], [None, None, *HEAD], [], [None, None, "a"], [None, None, None, "y", "more"]]
    path = saved(tmp_path / "d.xlsx", rows)
    source = read_source(path)
    assert source.table.to_pylist() == [
        {"text": "a", "label": None, "Unnamed: 2": None},
        {"text": None, "label": "y", "Unnamed: 2": "more"},
    ]
    output = tmp_path / "o.xlsx"
    edits = {(1, "label"): "x", (2, "text"): "b"}
    output.write_bytes(rewritten(path, source, output, edits=edits, added={"f": ["1", "2"]}))
    sheet = openpyxl.load_workbook(output).active
    assert [c.value for c in sheet[5]] == [None, None, "a", "x", None, "1"]
    assert [c.value for c in sheet[6]] == [None, None, "b", "y", "more", "2"]
    assert sheet["F3"].value == "f"


def test_a_sheet_is_named_after_the_file(tmp_path: Path) -> None:
    path = saved(tmp_path / "d.xlsx", [HEAD, ["a", "x"]], **{"zweites Blatt": [HEAD, ["b", "y"]]})
    source = read_source(f"{path}::zweites Blatt")
    assert source.table["text"].to_pylist() == ["b"]
    assert (source.path, source.inside, source.name) == (path, ("zweites Blatt",), "d.xlsx")
    output = tmp_path / "o.xlsx"
    output.write_bytes(rewritten(path, source, output, edits={(1, "label"): "z"}))
    assert read_source(output).table["label"].to_pylist() == ["x"]
    assert read_source(f"{output}::zweites Blatt").table["label"].to_pylist() == ["z"]
    with pytest.raises(DataError, match="has no sheet 'drei'") as caught:
        read_source(f"{path}::drei")
    assert "d.xlsx::first, d.xlsx::zweites Blatt" in caught.value.hint


def test_all_other_parts_and_cells_stay_byte_for_byte(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(HEAD)
    for k in range(4):
        sheet.append([f"t{k}", "x"])
    sheet["D1"] = "=SUM(1,2)"
    chart = openpyxl.chart.BarChart()
    chart.add_data(openpyxl.chart.Reference(sheet, min_col=4, min_row=1, max_row=3))
    sheet.add_chart(chart, "F1")
    sheet["B3"].font = openpyxl.styles.Font(italic=True)
    sheet["A2"].comment = openpyxl.comments.Comment("why", "me")
    path, output = tmp_path / "d.xlsx", tmp_path / "o.xlsx"
    path.write_bytes(book_bytes(book))
    source = read_source(path)
    output.write_bytes(rewritten(path, source, output, edits={(2, "label"): "=y"}))
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(output) as new:
        changed = [n for n in old.namelist() if old.read(n) != new.read(n)]
        assert new.namelist() == old.namelist()
        assert changed == ["xl/worksheets/sheet1.xml"]
        before, after = old.read(changed[0]).decode(), new.read(changed[0]).decode()
    start = before.index('<c r="B3"')
    end = before.index("</c>", start) + 4
    assert after.startswith(before[:start])
    assert after.endswith(before[end:])
    cell = openpyxl.load_workbook(output).active["B3"]
    assert (cell.value, cell.data_type, cell.font.italic) == ("=y", "s", True)
    assert rewritten(path, source, output, edits={(2, "label"): "=y"}) == output.read_bytes()
    with pytest.raises(DataError, match="formulas, comments, pictures or charts"):
        rewritten(path, source, output, dropped=[1])


def test_a_number_stays_one_where_it_shows_as_the_new_value(tmp_path: Path) -> None:
    path = saved(tmp_path / "d.xlsx", [HEAD, ["a", 1], ["b", 2], ["c", 1]])
    source = read_source(path)
    output = tmp_path / "o.xlsx"
    edits = {(1, "label"): "2", (2, "label"): "2.0", (3, "label"): None}
    output.write_bytes(rewritten(path, source, output, edits=edits))
    sheet = openpyxl.load_workbook(output).active
    assert [sheet.cell(k, 2).value for k in (2, 3, 4)] == [2, "2.0", None]


def test_formulas_give_their_stored_values(tmp_path: Path) -> None:
    path = saved(tmp_path / "d.xlsx", [HEAD, ["a", "=UPPER(A2)"], ["b", "=1+1"]])
    source = read_source(path)
    assert source.table["label"].to_pylist() == [None, None]
    assert "2 formulas have no stored value" in source.warnings[0]
    with_part(
        path,
        "xl/worksheets/sheet1.xml",
        lambda text: text.replace("<f>1+1</f><v />", "<f>1+1</f><v>2</v>").replace(
            '<c r="B2"><f>UPPER(A2)</f><v />', '<c r="B2" t="str"><f>UPPER(A2)</f><v>A</v>'
        ),
    )
    source = read_source(path)
    assert source.table["label"].to_pylist() == ["A", "2"]
    assert source.warnings == ()
    output = tmp_path / "o.xlsx"
    output.write_bytes(rewritten(path, source, output, edits={(1, "label"): "B"}))
    assert read_source(output).table["label"].to_pylist() == ["B", "2"]


def test_names_of_elements_may_have_a_prefix_and_cells_no_place(tmp_path: Path) -> None:
    path = saved(tmp_path / "d.xlsx", [HEAD, ["a", "x"], ["b", "y"], ["c", "x"]])

    def rewrite(text: str) -> str:
        import re

        text = re.sub(r' r="[A-Z]*\d+"', "", text)
        text = re.sub(r"<(/?)(?!\?)", r"<\1s:", text)
        return text.replace("xmlns=", "xmlns:s=")

    with_part(path, "xl/worksheets/sheet1.xml", rewrite)
    source = read_source(path)
    assert source.table["label"].to_pylist() == ["x", "y", "x"]
    output = tmp_path / "o.xlsx"
    new = rewritten(
        path, source, output, edits={(2, "label"): "z"}, dropped=[1], added={"f": list("123")}
    )
    output.write_bytes(new)
    assert read_source(output).table.to_pydict() == {
        "text": ["b", "c"],
        "label": ["z", "x"],
        "f": ["2", "3"],
    }


@pytest.mark.parametrize("value", ["a\x00b", "\x1b[31m", "x" * 32_768, "\ud800"])
def test_what_no_cell_holds_is_refused(tmp_path: Path, value: str) -> None:
    path = saved(tmp_path / "d.xlsx", [HEAD, ["a", "x"]])
    with pytest.raises(DataError, match=r"d\.xlsx: row 1, column 'label'"):
        rewritten(path, read_source(path), "o.xlsx", edits={(1, "label"): value})


def test_files_that_are_no_workbooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "d.xlsx"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    path.write_bytes(file.getvalue())
    with pytest.raises(DataError, match=r"d\.xlsx: cannot be read as an Excel workbook"):
        read_source(path)
    path.write_bytes(b"text,label\na,x\n")
    with pytest.raises(DataError, match=r"d\.xlsx: not a whole Excel workbook"):
        read_source(path)
    saved(path, [HEAD])
    with pytest.raises(DataError, match=r"d\.xlsx, sheet 'first': there are no rows"):
        read_source(path)
    saved(path, [["text", "text"], ["a", "x"]])
    with pytest.raises(DataError, match="column 'text' appears 2 times"):
        read_source(path)
    saved(path, [HEAD, ["a", "x"]])
    monkeypatch.setenv("NOISEFIX_MAX_UNPACKED", "500")
    with pytest.raises(DataError, match="unpacks to more than 500 bytes"):
        read_source(path)


def test_entities_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "d.xlsx", [HEAD, ["a", "x"]])
    source = read_source(path)
    with_part(
        path,
        "xl/worksheets/sheet1.xml",
        lambda text: (
            '<!DOCTYPE w [<!ENTITY a "b">]>' + text.partition("?>")[2]
            if "?>" in text
            else '<!DOCTYPE w [<!ENTITY a "b">]>' + text
        ),
    )
    from dataclasses import replace
    from hashlib import sha256

    source = replace(source, sha256=sha256(path.read_bytes()).hexdigest())
    with pytest.raises(DataError, match=r"declares a document type|cannot be read"):
        rewritten(path, source, "o.xlsx", edits={(1, "label"): "y"})


def test_without_openpyxl_the_way_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "d.xlsx", [HEAD, ["a", "x"]])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(UsageError, match="the package openpyxl, which is not installed") as caught:
        read_source(path)
    assert 'pip install "noisefix[files]"' in caught.value.hint


@pytest.mark.parametrize("last", [[], ["z"]])
def test_an_empty_cell_is_filled_and_its_neighbours_stay(tmp_path: Path, last: list[str]) -> None:
    more = ["note"] * len(last)
    path = saved(tmp_path / "d.xlsx", [HEAD + more, ["a", "x", *last], ["b", "", *last]])
    source = read_source(path)
    output = tmp_path / "o.xlsx"
    output.write_bytes(rewritten(path, source, output, edits={(2, "label"): "y"}))
    rows = list(openpyxl.load_workbook(output).active.iter_rows(values_only=True))
    assert rows[1:] == [("a", "x", *last), ("b", "y", *last)]
