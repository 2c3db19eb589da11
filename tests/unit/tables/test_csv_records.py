from __future__ import annotations

import csv
import time

import pytest

from noisefix.errors import DataError
from noisefix.tables.csv_fields import Grammar, split_fields
from noisefix.tables.csv_records import column_names, line_number, place_name
from noisefix.tables.csv_scan import scan_records


def table(
    text: str, *, delimiter: str = ",", quote: str = '"', terminator: str = "\n"
) -> tuple[list[str], list[list[str]]]:
    records = scan_records(text.encode(), Grammar(delimiter, quote, terminator), "data.csv")
    columns = [records.column(k).to_pylist() for k in range(len(records.header()))]
    return records.header(), [list(row) for row in zip(*columns, strict=True)]


def test_plain_quoted_and_doubled() -> None:
    header, rows = table('id,text\n1,"a, ""b""\nc"\n"2",5" pipe\n')
    assert header == ["id", "text"]
    assert rows == [["1", 'a, "b"\nc'], ["2", '5" pipe']]


def test_spans_cover_quotes_but_not_line_ends() -> None:
    text = b'a,b\r\n"x",y\r\n\r\n1,""'
    records = scan_records(text, Grammar(terminator="\r\n"), "x")
    raw = [
        [text[s:e] for s, e in zip(*row, strict=True)]
        for row in zip(records.starts, records.ends, strict=True)
    ]
    assert raw == [[b"a", b"b"], [b'"x"', b"y"], [b"1", b'""']]
    assert records.record_ends.tolist() == [5, 12, len(text)]
    assert records.is_quoted(slice(None), slice(None)).tolist() == [
        [False, False],
        [True, False],
        [False, True],
    ]


def test_blank_lines_are_no_rows_and_empty_cells_are() -> None:
    assert table("\n\na,b\n\n1,2\n\n,\n\n\n")[1] == [["1", "2"], ["", ""]]


def test_one_column_with_quoted_empty_cell() -> None:
    assert table('text\n""\na\n')[1] == [[""], ["a"]]


def test_nul_and_lone_cr_are_text() -> None:
    assert table("a,b\n\0,x\ry\n")[1] == [["\0", "x\ry"]]


def test_cr_files() -> None:
    assert table('a,b\r1,"x\ny"\r2,\r', terminator="\r")[1] == [["1", "x\ny"], ["2", ""]]


def test_without_a_quote_character_quotes_are_text() -> None:
    assert table('a\tb\n"x\t"\n', delimiter="\t", quote="")[1] == [['"x', '"']]


def test_a_quote_in_mid_field_does_not_disturb_quoted_fields_after_it() -> None:
    text = "a,b\n" + '5" x,"q, ""r"""\ns,7"\n' * 50
    assert table(text)[1] == [['5" x', 'q, "r"'], ["s", '7"']] * 50


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("id,text\n", "there is a header but no rows"),
        ("id,text", "there is a header but no rows"),
        (
            'id,text,label\n1,a,x\n\n2,"b,y\n3,c,z\n',
            r"the quote opened at row 2 \(line 4\), column 'text' is never closed",
        ),
        (
            'id,text,label\n1,"a\nb",x\n2,"c,y\n3,"d",z\n',
            r"opened at row 2 \(line 4\), column 'text' is closed on line 5, but more text follows",
        ),
        ('"id,text\n1,a\n', r"the quote opened at the header, column 1"),
        (
            'id,text\n1,"two\nlines"\n2,b,c\n3,d,e\n',
            r"row 2 \(line 4\): found 3 fields, expected 2 \(2 rows are wrong in this way\)",
        ),
        ("id,text,label\n1,a,x\n2\n", r"row 2 \(line 3\): found 1 fields, expected 3"),
        ('id,text\n1,"a" \n', "row 1"),
    ],
)
def test_errors_name_file_row_column_and_remedy(text: str, message: str) -> None:
    with pytest.raises(DataError, match=r"data\.csv: .*" + message) as caught:
        table(text)
    assert caught.value.hint


def test_error_messages_hold_no_cell_text() -> None:
    with pytest.raises(DataError) as caught:
        table('id,text\n1,"secret" words\n')
    assert "secret" not in caught.value.message + caught.value.hint


def test_a_cell_of_ten_megabytes() -> None:
    limit = csv.field_size_limit()
    big = 'x,"y"\n' * (10 * 2**20 // 6)
    doubled = big.replace('"', '""')
    _, rows = table(f'id,text\n1,"{doubled}"\n2,b\n')
    assert rows == [["1", big], ["2", "b"]]
    assert csv.field_size_limit() == limit


def test_no_separator_at_all() -> None:
    fields = split_fields(b"abc", Grammar())
    assert fields.starts.tolist() == [0]
    assert fields.ends.tolist() == [3]
    assert fields.counts.tolist() == [1]
    assert split_fields(b"", Grammar()).counts.tolist() == []


@pytest.mark.parametrize("text", ['"some, text"', '5" of text here'])
def test_scanning_is_vectorised(text: str) -> None:
    data = ("id,text,label\n" + f"7,{text},x\n" * 100_000).encode()
    started = time.process_time()
    texts = scan_records(data, Grammar(), "x").column(1)
    assert time.process_time() - started < 2  # about 0.15 s on an idle machine
    assert len(texts) == 100_000
    assert texts[99_999].as_py() == text.strip('"')


def test_columns_without_a_name_get_their_pandas_names() -> None:
    assert column_names(["", "text", "label"], "x") == ("Unnamed: 0", "text", "label")
    assert column_names(["v1", "v2", "", " "], "x") == ("v1", "v2", "Unnamed: 2", "Unnamed: 3")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (["id", "label", "text", "label"], r"column 'label' appears 2 times .* \(columns 2, 4\)"),
        (["", " "], "the header has no names"),
        ([""], "the header has no names"),
        (["Unnamed: 1", "", "text"], "'Unnamed: 1' appears 2 times"),
    ],
)
def test_bad_headers(header: list[str], message: str) -> None:
    with pytest.raises(DataError, match=r"data\.csv: .*" + message) as caught:
        column_names(header, "data.csv")
    assert caught.value.hint


def test_places_in_words() -> None:
    data = b"id,text\n1,a\n2,b\n"
    assert place_name(data, 0, 1, 3, ["id", "text"]) == "the header, column 2"
    assert place_name(data, 2, 1, 14, ["id", "text"]) == "row 2 (line 3), column 'text'"
    assert place_name(data, 2, 5, 14, ["id", "text"]) == "row 2 (line 3), column 6"


def test_line_numbers_follow_the_files_line_ends() -> None:
    assert line_number(b"a\nb\nc", 4) == 3
    assert line_number(b"a\rb\rc", 4) == 3
    assert line_number(b"a\r\nb", 3) == 2
