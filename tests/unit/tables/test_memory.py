"""Tables in memory become what a Parquet file of them would be, or are refused with a remedy."""

from __future__ import annotations

import io

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.errors import DataError, UsageError
from noisefix.tables.class_label import class_label_names
from noisefix.tables.memory import lists_source, row_index, table_source

ROWS = {"text": ["a b", "c d", "e"], "label": ["x", None, "y"]}


def hugging_face() -> datasets.Dataset:
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["x", "y"])}
    )
    return datasets.Dataset.from_dict({"text": ["p", "q", "r"], "label": [0, 1, 0]}, features)


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame(ROWS),
        pd.DataFrame(ROWS, index=[7, 7, 7]),
        pl.DataFrame(ROWS),
        pa.table(ROWS),
        pa.record_batch(ROWS),
        datasets.Dataset.from_dict(ROWS),
    ],
    ids=lambda data: type(data).__module__,
)
def test_every_kind_of_table_holds_the_same_rows(data):
    source = table_source(data)
    assert source.table.to_pydict() == ROWS
    assert (source.format, source.path) == ("parquet", None)
    assert source.warnings == ()
    assert pq.read_table(io.BytesIO(source.content)).equals(source.table)
    assert source.sha256 == table_source(data).sha256


def test_another_cell_is_another_digest():
    changed = {**ROWS, "label": ["x", None, "x"]}
    assert table_source(pd.DataFrame(ROWS)).sha256 != table_source(pd.DataFrame(changed)).sha256


def test_cells_of_pandas_in_their_types():
    frame = pd.DataFrame(
        {
            "class": pd.Categorical(["a", None, "b"]),
            "number": [1.5, np.nan, 2],
            "whole": pd.array([1, None, 3], dtype="Int64"),
            "mixed": pd.Series([1, "1", np.float64(2.0)], dtype=object),
            "vector": [np.ones(2), np.zeros(2), np.ones(2)],
            "object": [object()] * 3,
            "bytes": [b"x"] * 3,
            3: [True, False, True],
        }
    )
    source = table_source(frame)
    assert source.table.to_pydict() == {
        "class": ["a", None, "b"],
        "number": [1.5, None, 2],
        "whole": [1, None, 3],
        "mixed": ["1", "1", "2"],
        "vector": [[1, 1], [0, 0], [1, 1]],
        "3": [True, False, True],
    }
    left_out, mixed = source.warnings
    assert left_out.endswith("object, bytes")
    assert "column 'mixed': values of several types are read as text" in mixed


def test_names_of_a_class_label_stay_through_a_selection():
    source = table_source(hugging_face().select([2, 1]))
    assert source.table.to_pydict() == {"text": ["r", "q"], "label": [0, 1]}
    assert class_label_names(source.table.schema, "label") == ("x", "y")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: pl.DataFrame(ROWS).lazy(), UsageError, "not computed yet"),
        (lambda: datasets.DatasetDict(train=hugging_face()), UsageError, "is a dict, of train"),
        (lambda: hugging_face().to_iterable_dataset(), UsageError, "read as a stream"),
        (lambda: {"text": ["a"]}, UsageError, "is a dict"),
        (lambda: [1, 2], UsageError, "no table that noisefix knows"),
        (lambda: pd.Series([1]), UsageError, "no table"),
        (lambda: 5, UsageError, "no table that noisefix knows"),
        (lambda: pd.DataFrame(), DataError, "there are no rows"),
        (lambda: pd.DataFrame({"text": []}), DataError, "there are no rows"),
        (lambda: pd.DataFrame([[1, 2]], columns=["a", "a"]), DataError, "'a' appears twice"),
        (lambda: pa.table([[1], [2]], names=["a", "a"]), DataError, "'a' appears twice"),
        (
            lambda: pd.DataFrame({"text": pd.Series(["ok", "\ud800"], dtype=object)}),
            DataError,
            "row 2 holds half a character",
        ),
    ],
)
def test_what_is_no_table_is_refused(make, error, message):
    with pytest.raises(error, match=message) as caught:
        table_source(make())
    assert caught.value.hint


def test_lists_are_a_table():
    source = lists_source(np.array(["a", "b"]), pd.Series([1, 2]), ids=("k", "l"))
    assert source.table.to_pydict() == {"id": ["k", "l"], "text": ["a", "b"], "label": [1, 2]}
    for lists, error, message in (
        ((["a"], [1, 2], None), DataError, "1 texts, 2 labels"),
        (([], [], None), DataError, "no rows"),
        (("abc", [1, 2, 3], None), UsageError, "texts: str is no list"),
        ((["a"], iter("x"), None), UsageError, "no list"),
        ((["a"], [object()], None), DataError, "labels hold lists or objects"),
        ((["\ud800"], ["x"], None), DataError, "half a character"),
    ):
        with pytest.raises(error, match=message):
            lists_source(*lists)


def test_only_pandas_has_an_index():
    assert row_index(pd.DataFrame(ROWS, index=list("abc"))).tolist() == ["a", "b", "c"]
    assert row_index(pd.Series([1], index=[9])).tolist() == [9]
    assert row_index(pl.DataFrame(ROWS)) is None
    assert row_index([1, 2]) is None


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5))
def test_any_text_comes_back_as_it_was(texts):
    for data in (pd.DataFrame({"text": texts}), pl.DataFrame({"text": texts})):
        assert table_source(data).table["text"].to_pylist() == texts
