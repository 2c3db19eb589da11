"""Rows with the right number of cells that are wrong all the same."""

from __future__ import annotations

import pytest

from noisefix.errors import DataError
from noisefix.tables.csv_source import read_csv

HEADER = "id,text,label\n"
GOOD = '1,"one, two",x\n2,three,y\n'


def test_a_lost_comma_before_a_quoted_cell_with_a_comma() -> None:
    text = HEADER + GOOD + '3"four, five",x\n4,six,y\n'
    with pytest.raises(DataError, match=r"row 3 \(line 4\): .* the cells have shifted"):
        read_csv(text.encode(), "x.csv")
    content = read_csv(text.encode(), "x.csv", skip_bad=True)
    assert content.table["id"].to_pylist() == ["1", "2", "4"]


def test_a_lost_opening_quote() -> None:
    with pytest.raises(DataError, match=r"row 3 \(line 4\): a cell ends in a quote"):
        read_csv((HEADER + GOOD + '3,four five",x\n').encode(), "x.csv")
    with pytest.raises(DataError, match=r"row 3 \(line 4\): a cell ends in a quote"):
        read_csv((HEADER + GOOD + '3","four five","x"\n').encode(), "x.csv")


def test_inches_are_text_and_told() -> None:
    content = read_csv((HEADER + GOOD + '3,5" pipe of 6",x\n4,a 7",y\n').encode(), "x.csv")
    assert content.table["text"].to_pylist() == ["one, two", "three", '5" pipe of 6"', 'a 7"']
    assert content.warnings == ("x.csv: a quote in a cell without quotes (line 5)",)


@pytest.mark.parametrize("again", ["id,text,label", '"ID","Text","Label"', "\ufeffid,text,label"])
def test_a_header_in_the_middle(again: str) -> None:
    text = (HEADER + GOOD + again + "\n3,four,x\n").encode()
    with pytest.raises(DataError, match=r"row 3 \(line 4\): repeats the header"):
        read_csv(text, "x.csv")
    content = read_csv(text, "x.csv", skip_bad=True)
    assert content.table["id"].to_pylist() == ["1", "2", "3"]


def test_another_order_of_columns_in_the_middle_is_never_skipped() -> None:
    text = (HEADER + GOOD + "id,label,text\n3,x,four\n").encode()
    with pytest.raises(DataError, match="line 4 is the header again, with its columns in another"):
        read_csv(text, "x.csv", skip_bad=True)


def test_one_column_may_hold_its_name() -> None:
    assert read_csv(b"text\nhello\ntext\n", "x.csv").table["text"].to_pylist() == ["hello", "text"]


def test_a_bad_row_swallows_none_of_the_good_ones() -> None:
    bad = '9,"opened, and on\nthe next, line,x\n'
    content = read_csv((HEADER + bad + GOOD * 3).encode(), "x.csv", skip_bad=True)
    assert content.table["text"].to_pylist() == ["one, two", "three"] * 3
    assert [(row.line, row.last_line) for row in content.bad] == [(2, 3)]


def test_lone_carriage_returns_are_line_ends_where_that_makes_whole_rows() -> None:
    content = read_csv((HEADER + "1,a,x\r2,b,y\n3,c,x\n").encode(), "x.csv")
    assert content.table["id"].to_pylist() == ["1", "2", "3"]
    assert "a lone carriage return taken for a line end (line 2)" in content.warnings[0]


def test_a_nul_byte_is_told() -> None:
    content = read_csv((HEADER + "1,a\0b,x\n2,c,y\n").encode(), "x.csv")
    assert content.table["text"].to_pylist() == ["a\0b", "c"]
    assert content.warnings == ("x.csv: a NUL byte is read as part of its cell (line 2)",)


def test_many_bad_rows() -> None:
    rows = '1,"good, row",x\n2,"open,y\n3,good,y\n4,a,b,c\n' * 500
    content = read_csv((HEADER + rows).encode(), "x.csv", skip_bad=True)
    assert content.table["id"].to_pylist() == ["1", "3"] * 500
    assert [row.line % 4 for row in content.bad] == [3, 1] * 500
