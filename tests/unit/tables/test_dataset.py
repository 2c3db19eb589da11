from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisefix.errors import DataError, UsageError
from noisefix.tables.dataset import Dataset, load_dataset
from noisefix.tables.source import read_source


def load(text: str, **options: object) -> Dataset:
    return load_dataset(read_source("-", io.BytesIO(text.encode())), **options)  # type: ignore[arg-type]


def test_columns_are_guessed_and_said() -> None:
    data = load("ID,Message,true_label,label\na7,hello,x,x\nb,bye,y,\nc,so,y,z\n")
    assert data.ids == ["a7", "b", "c"]
    assert data.texts == ["hello", "bye", "so"]
    assert data.given_labels == ["x", None, "z"]
    assert (data.text_column, data.label_column, data.id_column) == ("Message", "label", "ID")
    assert data.notes == (
        "text column: Message (guessed from its name)",
        "label column: label (guessed from its name)",
        "id column: ID (guessed from its name)",
    )


def test_named_columns_are_used_without_a_note() -> None:
    data = load("n,a,b\n1,hello,x\n2,bye,y\n", text_column="a", label_column="B", id_column="n")
    assert (data.texts, data.given_labels, data.ids) == (["hello", "bye"], ["x", "y"], ["1", "2"])
    assert data.notes == ()


def test_row_numbers_serve_where_there_is_no_id() -> None:
    data = load("text,label\na,x\nb,y\nc,x\n")
    assert data.ids == ["1", "2", "3"]
    assert data.row_numbers.tolist() == [1, 2, 3]
    assert data.id_column is None
    assert "id column: none, row numbers are used" in data.notes


@pytest.mark.parametrize(
    ("ids", "problem"),
    [
        (["1", "1", "2", "2"], "2 ids appear more than once, the first is '1' in rows 1, 2"),
        (["1", "", " ", "4"], r"2 ids are missing \(rows 2, 3\)"),
    ],
)
def test_bad_ids_found_by_guess_are_left_aside_and_named_ones_refused(
    ids: list[str], problem: str
) -> None:
    text = "id,text,label\n" + "".join(f"{k},a,{'xy'[n % 2]}\n" for n, k in enumerate(ids))
    data = load(text)
    assert data.ids == ["1", "2", "3", "4"]
    assert data.id_column is None
    assert "not used as ids, row numbers are" in data.warnings[0]
    with pytest.raises(DataError, match=f"column 'id': {problem}") as caught:
        load(text, id_column="id")
    assert "--id-column" in caught.value.hint


def test_missing_texts_are_kept_and_said(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    pq.write_table(pa.table({"text": ["a", None, " "], "label": [1.0, 2.0, None]}), path)
    data = load_dataset(read_source(path))
    assert data.texts == ["a", "", " "]
    assert data.given_labels == ["1", "2", None]
    assert "column 'text': 2 rows have no text (2, 3); kept as they are" in data.warnings[0]


@pytest.mark.parametrize(
    ("text", "options", "message", "hint"),
    [
        ("a,b\n1,2\n", {}, "no column is clearly the", "the columns are: a, b"),
        ("text,label\na,x\n", {"label_column": "lab"}, "no column 'lab'", "'label'"),
        ("text,label\na,x\nb,x\n", {}, "all 2 labelled rows have the label 'x'", "--label-column"),
        ("text,label\na,\nb, \n", {}, "no row has a label", "--label-column"),
        ("text,topic,intent\na,x,y\nb,z,w\n", {}, "several columns could be the label", "topic"),
        (
            "text,label\n" + "".join(f"t{k},l{k}\n" for k in range(20)),
            {},
            "20 different labels in 20 labelled rows",
            "is this the label column",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(
    text: str, options: dict[str, str], message: str, hint: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load(text, **options)
    assert caught.value.message.startswith("<stdin>")
    assert hint in caught.value.hint


def test_ten_classes_in_twenty_rows_pass() -> None:
    data = load("text,label\n" + "".join(f"t{k},l{k % 10}\n" for k in range(20)))
    assert len(set(data.given_labels)) == 10


def test_without_need_of_labels_anything_goes() -> None:
    assert load("text\na\nb\n", needs_labels=False).label_column is None
    one = load("text,label\na,x\nb,x\n", needs_labels=False)
    assert (one.label_column, one.given_labels) == ("label", ["x", "x"])
    with pytest.raises(DataError, match="no column 'zz'"):
        load("text\na\n", needs_labels=False, label_column="zz")


def test_one_column_cannot_serve_twice() -> None:
    with pytest.raises(UsageError, match="--text-column text, --label-column text"):
        load("text,label\na,x\n", text_column="text", label_column="text")


def test_the_sources_warnings_come_along() -> None:
    raw = "id,text,label\n1,é,x\n2,b,y\n".encode("latin-1")
    data = load_dataset(read_source("-", io.BytesIO(raw)))
    assert "read as Latin-1" in data.warnings[0]


def test_messages_hold_no_text() -> None:
    with pytest.raises(DataError) as caught:
        load("text,label\nsecret words,x\nsecret words,x\n")
    assert "secret" not in caught.value.message + caught.value.hint
