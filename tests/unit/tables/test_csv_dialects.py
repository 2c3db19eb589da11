"""Ways of writing CSV that people meet: read as meant, and written back as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from noisefix.cleaning.rewrite import rewritten
from noisefix.errors import DataError
from noisefix.tables.source import Source, read_source
from noisefix.tables.stream import open_stream

ESCAPED = (
    'id,text,label\n1,"say \\"hi\\", ok",x\n2,"C:\\\\dir\\\\",y\n3,plain,x\n4,"a\\nb \\"c\\"",y\n'
)
PADDED = 'id, text, label\n1, "one, two", "x"\n2, "say ""hi""", "y"\n3, plain, "x"\n'
SEP = "sep=;\r\ntext;label\r\na, b;x\r\nc, d;y\r\n"
UNNAMED = "v1,v2,,,\nx,one,,,\ny,two,,,extra\n"


def read(tmp_path: Path, text: str) -> Source:
    (tmp_path / "d.csv").write_bytes(text.encode())
    return read_source(tmp_path / "d.csv")


def edit(tmp_path: Path, source: Source, *args: str) -> str:
    row, column, value = int(args[0]), args[1], args[2]
    new = rewritten(tmp_path / "d.csv", source, tmp_path / "o.csv", edits={(row, column): value})
    return new.decode()


@pytest.mark.parametrize("text", [ESCAPED, PADDED, SEP, UNNAMED])
def test_nothing_changes_without_a_change_and_streams_agree(tmp_path: Path, text: str) -> None:
    source = read(tmp_path, text)
    assert rewritten(tmp_path / "d.csv", source, tmp_path / "o.csv") == text.encode()
    with open_stream(tmp_path / "d.csv") as stream:
        assert [t.to_pylist() for t in stream.blocks(source.columns)] == [source.table.to_pylist()]
        assert stream.warnings == source.warnings


def test_backslashes_before_quotes(tmp_path: Path) -> None:
    source = read(tmp_path, ESCAPED)
    assert source.table["text"].to_pylist() == [
        'say "hi", ok',
        "C:\\dir\\",
        "plain",
        'a\\nb "c"',
    ]
    assert source.warnings == (
        "d.csv: a backslash before a quote is read as an escape, not as text",
    )
    assert edit(tmp_path, source, "3", "text", 'a "b", \\') == ESCAPED.replace(
        "plain", '"a \\"b\\", \\\\"'
    )


def test_a_backslash_that_ends_a_cell_is_text(tmp_path: Path) -> None:
    source = read(tmp_path, 'id,text,label\n1,"C:\\",x\n2,"say ""hi"", \\",y\n')
    assert source.table["text"].to_pylist() == ["C:\\", 'say "hi", \\']


def test_blanks_after_the_comma(tmp_path: Path) -> None:
    source = read(tmp_path, PADDED)
    assert source.columns == ("id", "text", "label")
    assert source.table["text"].to_pylist() == ["one, two", 'say "hi"', "plain"]
    assert source.table["label"].to_pylist() == ["x", "y", "x"]
    assert edit(tmp_path, source, "1", "label", "z") == PADDED.replace('"x"', '"z"', 1)
    added = rewritten(tmp_path / "d.csv", source, tmp_path / "o", added={"f": ["1", "2", "3"]})
    assert added.decode().splitlines()[:2] == ["id, text, label, f", '1, "one, two", "x", 1']


def test_one_wrong_quote_in_a_tsv_does_not_make_quotes_text(tmp_path: Path) -> None:
    rows = '1\t"one, two"\tx\n2\t"three"\ty\n3\t"four\tx\n4\t"five"\ty\n'
    (tmp_path / "d.tsv").write_text("id\ttext\tlabel\n" + rows)
    with pytest.raises(DataError, match=r"the quote opened at row 3 \(line 4\)"):
        read_source(tmp_path / "d.tsv")
    source = read_source(tmp_path / "d.tsv", bad_rows="skip")
    assert source.table["text"].to_pylist() == ["one, two", "three", "five"]


def test_a_blank_before_a_word_in_quotes_is_text(tmp_path: Path) -> None:
    source = read(tmp_path, 'id,text,label\n1, "Hi" he said,x\n2,b,y\n')
    assert source.table["text"].to_pylist() == [' "Hi" he said', "b"]


@pytest.mark.parametrize("first", ["sep=;\r\n", "SEP=;\n", '"sep=;"\n'])
def test_a_first_line_that_names_the_delimiter(tmp_path: Path, first: str) -> None:
    text = SEP.replace("sep=;\r\n", first)
    source = read(tmp_path, text)
    assert source.columns == ("text", "label")
    assert source.table["text"].to_pylist() == ["a, b", "c, d"]
    assert edit(tmp_path, source, "2", "label", "z") == text.replace("d;y", "d;z")
    with pytest.raises(DataError, match=r"row 2 \(line 4\): found 1 fields"):
        read(tmp_path, first + "text;label\na;x\nbroken\n")


def test_columns_without_a_name(tmp_path: Path) -> None:
    source = read(tmp_path, UNNAMED)
    assert source.columns == ("v1", "v2", "Unnamed: 2", "Unnamed: 3", "Unnamed: 4")
    assert edit(tmp_path, source, "1", "v1", "z") == UNNAMED.replace("x,one", "z,one")
