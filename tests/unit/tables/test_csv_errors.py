from __future__ import annotations

import pytest

from noisefix.errors import DataError
from noisefix.tables.csv_errors import column_names, line_number, place_name


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
