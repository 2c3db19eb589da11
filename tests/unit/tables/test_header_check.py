from __future__ import annotations

import io

import pytest

from noisefix.errors import DataError
from noisefix.tables.columns import is_usual_name
from noisefix.tables.dataset import load_dataset
from noisefix.tables.header_check import check_header
from noisefix.tables.source import read_source

ROWS = [
    ("17", "praise", "The roast tastes wonderful", "2024-05-01"),
    ("18", "billing", "I was charged twice for one order", "2024-05-03"),
    ("23", "praise", "Great beans and a friendly letter", "2024-06-01"),
    ("25", "billing", "The refund has not come", "2024-06-02"),
    ("31", "praise", "Best coffee in the whole town", "2024-06-09"),
    ("32", "billing", "Why is there a fee on my card", "2024-06-11"),
]


def check(text: str) -> list[str]:
    return check_header(read_source("-", io.BytesIO(text.encode())), is_usual_name)


def lines(*columns: int, delimiter: str = ",") -> str:
    return "".join(delimiter.join(row[k] for k in columns) + "\n" for row in ROWS)


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("columns", [(1, 2), (2, 1), (0, 1, 2), (0, 2), (2, 3), (0, 1, 2, 3)])
def test_a_first_line_of_data_is_refused(columns: tuple[int, ...], delimiter: str) -> None:
    text = lines(*columns, delimiter=delimiter)
    with pytest.raises(DataError, match="the first line looks like data") as caught:
        check(text)
    assert "put a line with names in front" in (caught.value.hint or "")
    with pytest.raises(DataError, match="the first line looks like data"):
        load_dataset(read_source("-", io.BytesIO(text.encode())))


def test_the_remedy_names_the_columns_in_their_order() -> None:
    with pytest.raises(DataError) as caught:
        check(lines(1, 2))
    assert "'label,text'" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "header",
    [
        *("text,label", "Text,Label", "tweet,class", "sentence,sentiment", "comment_text,toxic"),
        *("v1,v2", "0,1", "1,2", "texto,etiqueta", "Kommentar,Klasse", "a,b", "文本,标签"),
        *("Review Text,Rating", "utterance,intent", "title,topic", "Unnamed: 0,x", "X,y"),
        "What went wrong with your order?,Category",
        "Please describe your problem in a few words:,Urgency",
    ],
)
def test_ordinary_names_are_no_data(header: str) -> None:
    assert check(header + "\n" + lines(2, 1)) == []


def test_a_usual_name_beside_numbers_says_that_there_is_a_header() -> None:
    assert check("label,2019,2020\n" + "a,5,6\nb,7,8\n" * 5) == []
    assert check("text,spam\nhello,spam\nbye,ham\nso,spam\n") == []


def test_a_header_that_is_repeated_is_a_header() -> None:
    twice = "text,label\n" + lines(2, 1) + "text,label\n" + lines(2, 1)
    source = read_source("-", io.BytesIO(twice.encode()), bad_rows="skip")
    assert check_header(source, is_usual_name) == []
    with pytest.raises(DataError, match="repeats the header"):
        check(twice)
    with pytest.raises(DataError, match="looks like data"):
        check("".join(f"praise,{i},NO_QUERY,I like coffee number {i}\n" for i in range(9)))


def test_a_sentence_for_a_name_is_told_where_nothing_else_can_tell() -> None:
    (warning,) = check("The parcel is late again,odd\n" + lines(2, 1))
    assert "'The parcel is late again'" in warning
    assert (
        len(
            load_dataset(
                read_source("-", io.BytesIO(("x\n" + "a\n" * 3).encode())),
                text_column="x",
                needs_labels=False,
            )
        )
        == 3
    )


def test_who_names_the_columns_is_believed() -> None:
    text = "note,spam\n" + "hello,spam\nbye,ham\n" * 4
    with pytest.raises(DataError, match="the first line looks like data"):
        load_dataset(read_source("-", io.BytesIO(text.encode())))
    data = load_dataset(
        read_source("-", io.BytesIO(text.encode())), text_column="note", label_column="spam"
    )
    assert len(data) == 8
