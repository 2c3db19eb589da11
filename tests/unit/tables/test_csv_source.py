from __future__ import annotations

import codecs

import pytest

from noisefix.errors import DataError
from noisefix.tables.csv_source import locate_cells, read_csv


def test_everything_is_a_string_as_written() -> None:
    content = read_csv(b"id,text,label\n007, a ,1.0\n8,NULL,\n", "x")
    assert content.columns == ("id", "text", "label")
    assert content.table.to_pydict() == {
        "id": ["007", "8"],
        "text": [" a ", "NULL"],
        "label": ["1.0", ""],
    }
    assert {str(kind) for kind in content.table.schema.types} == {"large_string"}
    assert content.warnings == ()


def test_the_dialect_says_how_it_was_written() -> None:
    raw = codecs.BOM_UTF8 + b'"id";"text"\r\n"1";"a"\r\n'
    dialect = read_csv(raw, "x").dialect
    assert (dialect.encoding, dialect.bom, dialect.delimiter) == ("utf-8", True, ";")
    assert (dialect.terminator, dialect.quote_all) == ("\r\n", True)
    assert not read_csv(b'"id","text"\n"1",a\n', "x").dialect.quote_all


def test_latin1_warns_with_row_line_and_column() -> None:
    raw = 'id,text\n1,"a\nb"\n2,plain\n3,naïve café\n'.encode("latin-1")
    content = read_csv(raw, "data.csv")
    assert content.table["text"][2].as_py() == "naïve café"
    assert content.warnings[0].startswith(
        "data.csv: not UTF-8 (byte 0xEF at row 3 (line 5), column 'text'), read as Latin-1"
    )
    assert "iconv" in content.warnings[0]


def test_broken_utf8_is_an_error_with_row_and_column() -> None:
    raw = "id,text\n1,Köln\n2,Grüße\n".encode() + b"3,caf\xe9\n"
    with pytest.raises(DataError, match=r"byte 0xE9 at row 3 \(line 4\), column 'text'") as caught:
        read_csv(raw, "data.csv")
    assert "iconv -f utf-8 -t utf-8 -c data.csv" in caught.value.hint


@pytest.mark.parametrize("raw", [b"", b"\n \n", codecs.BOM_UTF8, codecs.BOM_UTF16_LE])
def test_nothing_in_it(raw: bytes) -> None:
    with pytest.raises(DataError, match=r"data\.csv: the file is empty"):
        read_csv(raw, "data.csv")


def test_a_late_stray_quote_in_a_tab_separated_file_is_text() -> None:
    rows = "".join(f"{k}\ttext {k}\tx\n" for k in range(40_000))
    raw = ("id\ttext\tlabel\n" + rows + '40000\t"tis late\ty\n').encode()
    content = read_csv(raw, "data.tsv", prefer_tab=True)
    assert content.table["text"][40_000].as_py() == '"tis late'
    assert content.dialect.quote == ""
    assert "quotes are read as part of the text" in content.warnings[0]


def test_quoted_line_breaks_in_a_tab_separated_file_are_kept() -> None:
    content = read_csv(b'id\ttext\n1\t"a\nb"\n2\tc\n', "data.tsv")
    assert content.table["text"].to_pylist() == ["a\nb", "c"]
    assert content.warnings == ()


def test_cells_are_found_again() -> None:
    raw = codecs.BOM_UTF16_LE + 'id,text\n1,"é"\n'.encode("utf-16-le")
    content = read_csv(raw, "x")
    assert locate_cells(raw, content.dialect, "x").value(1, 1) == "é"
