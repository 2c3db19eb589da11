"""Texts in several columns: how they are named, and how they are joined."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.errors import DataError, UsageError
from noisefix.tables.dataset import load_dataset
from noisefix.tables.source import read_source
from noisefix.tables.text_columns import (
    column_texts,
    joined,
    remembered_texts,
    resolve_texts,
    text_names,
)
from noisefix.tables.text_stream import open_texts

ROWS = "id,title,body,label\n1,Refund please,Where is my money?,a\n2,,Only a body,b\n3,Only!,,a\n"
TEXTS = ["Refund please.\n\nWhere is my money?", "Only a body", "Only!"]


@pytest.fixture
def table(tmp_path):
    def make(content, name="d.csv"):
        path = tmp_path / name
        path.write_text(content)
        return path

    return make


def test_columns_are_joined_in_the_order_in_which_they_are_named(table):
    path = table(ROWS)
    data = load_dataset(read_source(path), text_column=" title, Body ", needs_labels=False)
    assert (data.texts, data.text_column) == (TEXTS, "title,body")
    assert data.label_column == "label"
    turned = load_dataset(read_source(path), text_column="body,title", needs_labels=False)
    assert turned.texts[0] == "Where is my money?\n\nRefund please"


def test_a_stream_reads_them_alike(table):
    with open_texts(table(ROWS), text_column="title,body") as stream:
        assert [text for block in stream.blocks() for text in block.texts] == TEXTS
    with open_texts(table(ROWS), reading={"text_column": "title,body"}) as stream:
        assert stream.columns.text == "title,body"


def test_a_name_with_a_comma_is_one_column_and_may_be_among_others(table):
    source = read_source(table('"a,b",c,"d,e,f",label\nx,y,z,1\n'))
    assert resolve_texts(source, "a,b") == "a,b"
    assert text_names(source.columns, resolve_texts(source, "c,a,b")) == ("c", "a,b")
    assert text_names(source.columns, "d,e,f,c") == ("d,e,f", "c")
    assert column_texts(source.table, "d,e,f,a,b", "d.csv") == ["z.\n\nx"]


def test_what_cannot_be_is_refused(table):
    source = read_source(table(ROWS))
    with pytest.raises(DataError, match="there is no column 'tilte'") as caught:
        resolve_texts(source, "body,tilte")
    assert "did you mean 'title'" in caught.value.hint
    with pytest.raises(UsageError, match="names 'body' twice"):
        resolve_texts(source, "body,body")
    with pytest.raises(DataError, match="no column ','"):
        resolve_texts(source, ",")
    with pytest.raises(UsageError, match="cannot serve two purposes"):
        load_dataset(source, text_column="title,label", label_column="label")


def test_what_a_model_remembers_is_used_where_it_is_there():
    assert remembered_texts({}, ["text"]) is None
    assert remembered_texts({"text_column": "message"}, ["text"]) is None
    assert remembered_texts({"text_column": "message"}, ["text", "message"]) == "message"
    assert remembered_texts({"text_column": "title,body"}, ["title"]) == "title,body"


def test_numbers_and_gaps_are_texts_too():
    table = pa.table({"a": [1, None], "b": pa.array([None, "x"])})
    assert column_texts(table, "a,b", "t") == ["1", "x"]


@pytest.mark.parametrize(
    ("cells", "text"),
    [
        (["", " "], ""),
        (["退款", "在哪里"], "退款。\n\n在哪里"),
        (["why?", "so", "x"], "why?\n\nso.\n\nx"),
        (["a 😀", "b"], "a 😀\n\nb"),
    ],
)
def test_the_end_of_a_part_is_seen_by_encoders_that_see_no_line_breaks(cells, text):
    assert joined(cells) == text


@given(st.lists(st.text(), max_size=4))
def test_nothing_of_a_part_is_lost(cells):
    text = joined(cells)
    for cell in cells:
        assert cell.strip() in text
