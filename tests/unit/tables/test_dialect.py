from __future__ import annotations

import pytest

from noisefix.tables.dialect import CsvDialect, dialect_of_start


def found(text: str, **options: bool) -> tuple[str, str, str]:
    dialect = dialect_of_start(lambda size: text.encode()[:size], **options)
    return dialect.delimiter, dialect.quote, dialect.terminator


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("terminator", ["\n", "\r\n", "\r"])
def test_delimiter_and_line_end(delimiter: str, terminator: str) -> None:
    rows = [["id", "text", "label"], ["1", '"a, b; c | d"', "x"], ["2", "plain", "y"]]
    text = terminator.join(delimiter.join(row) for row in rows) + terminator
    assert found(text) == (delimiter, '"', terminator)


def test_commas_in_texts_do_not_outvote_the_header() -> None:
    rows = "".join(f"{k};well, yes, no, {k}, ok;x\n" for k in range(50))
    assert found("id;text;label\n" + rows)[0] == ";"


def test_one_ragged_row_does_not_change_the_delimiter() -> None:
    assert found("id,text,label\n1,a,x\n2,b,c,d,y\n3,d,z\n")[0] == ","


def test_quotes_as_text_in_tab_separated_files() -> None:
    assert found('id\ttext\n1\t"Hello" he said\n2\tb\n') == ("\t", "", "\n")
    assert found('id\ttext\n1\t"a"\n2\t"b ""c"""\n') == ("\t", '"', "\n")


def test_quotes_that_would_swallow_even_rows_are_text_in_tab_separated_files() -> None:
    assert found('id\ttext\tlabel\n1\t"a\tx\n2\tb\ty\n3\tc"\tz\n') == ("\t", "", "\n")


def test_single_quotes_only_where_double_quotes_fail() -> None:
    assert found("id,text,label\n1,'a, b',x\n2,'c, d',y\n")[1] == "'"
    assert found("id,text,label\n1,'tis fine,x\n2,'twas,y\n")[1] == '"'


def test_an_unclosed_quote_does_not_pass_for_another_quote() -> None:
    assert found("id,text,label\n1,\"abc,x\n2,'d',y\n") == (",", '"', "\n")


def test_one_column_with_commas() -> None:
    assert found("text\nwell, yes\nno\n")[0] != ","
    assert found("text\nyes\nno\n")[0] == ","


def test_a_first_cell_larger_than_the_sample() -> None:
    big = "x, y\n" * 200_000
    assert found(f'id;text;label\n1;"{big}";a\n2;b;c\n') == (";", '"', "\n")


def test_a_sample_that_ends_between_cr_and_lf() -> None:
    head = 'id,text\r\n1,"'
    for pad in range((1 << 18) - len(head) - 4, (1 << 18) - len(head) + 2):
        text = head + "x" * pad + '"\r\n' + '2,"b"\r\n' * 400
        assert found(text) == (",", '"', "\r\n"), pad


@pytest.mark.parametrize(
    ("value", "options", "field"),
    [
        ("plain", {}, "plain"),
        ("", {}, ""),
        ("a,b", {}, '"a,b"'),
        ('say "hi"', {}, '"say ""hi"""'),
        ("a\rb", {}, '"a\rb"'),
        ("=1+1", {}, "=1+1"),
        ("plain", {"quote_all": True}, '"plain"'),
        ("a,b", {"delimiter": ";"}, "a,b"),
        ("it's", {"quote": "'"}, "'it''s'"),
        ('say "hi"', {"quote": "", "delimiter": "\t"}, 'say "hi"'),
        ("a\tb", {"quote": "", "delimiter": "\t"}, None),
    ],
)
def test_format_field(value: str, options: dict[str, str], field: str | None) -> None:
    assert CsvDialect(**options).format_field(value) == field  # type: ignore[arg-type]


def test_prefer_tab_decides_ties_only() -> None:
    assert found("a\tb\n1\t2\n", prefer_tab=True)[0] == "\t"
    assert found("a,b\n1,2\n", prefer_tab=True)[0] == ","
