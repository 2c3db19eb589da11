from __future__ import annotations

import math
from decimal import Decimal

import pyarrow as pa
import pytest

from noisefix.errors import DataError
from noisefix.tables.jsonl import read_jsonl
from noisefix.tables.label_values import LabelValues, read_ids, read_labels, read_texts


def labels(values: object, kind: pa.DataType | None = None) -> LabelValues:
    array = pa.array(values, kind)
    return read_labels(pa.chunked_array([array]), pa.field("label", array.type), "d.csv")


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (["spam", " spam ", "ham"], pa.large_string(), ["spam", "spam", "ham"]),
        ([1, None, -2], pa.int8(), ["1", None, "-2"]),
        ([1.0, math.nan, 2.5, None], pa.float64(), ["1", None, "2.5", None]),
        ([True, False, None], pa.bool_(), ["true", "false", None]),
        (["", "  ", None, "a"], pa.string(), [None, None, None, "a"]),
        (["nan", "NaN", "<NA>", "a"], pa.string(), [None, None, None, "a"]),
        (["None", "none", "N/A", "null"], pa.string(), ["None", "none", "N/A", "null"]),
        (["a", None, "b"], pa.dictionary(pa.int8(), pa.string()), ["a", None, "b"]),
        ([None, None], pa.null(), [None, None]),
        ([Decimal("1.50")], pa.decimal128(4, 2), ["1.50"]),
        (["1.0", "2.0"], pa.string(), ["1.0", "2.0"]),
        (["1.0", "1", "2.5"], pa.string(), ["1", "1", "2.5"]),
        ([], pa.string(), []),
    ],
)
def test_labels_of_every_type(
    values: list[object], kind: pa.DataType, expected: list[str | None]
) -> None:
    assert labels(values, kind).labels == expected


@pytest.mark.parametrize(
    ("values", "warning"),
    [
        (["a", " a"], "differ only in surrounding spaces are read as one: 'a'"),
        (["nan", "b"], "'nan' in place of a label are read as unlabelled"),
        (["1.0", "1"], "whole numbers written in several ways are read as one label: '1'"),
        (["Spam", "spam"], "look the same stay separate classes: 'Spam' / 'spam'"),
    ],
)
def test_what_may_surprise_is_said(values: list[str], warning: str) -> None:
    assert [warning in text for text in labels(values).warnings] == [True]
    assert labels(values).warnings[0].startswith("d.csv: ")


@pytest.mark.parametrize("values", [["a", "b"], [" a", "b"], ["None", "b"], ["1.0", "2.0"]])
def test_no_warning_without_need(values: list[str]) -> None:
    assert labels(values).warnings == ()


def test_mixed_json_types_are_one_class_and_said() -> None:
    table, _ = read_jsonl(b'{"v": 1}\n{"v": "1"}\n{"v": null}\n{"v": true}', "x")
    values = read_labels(table["v"], table.schema.field("v"), "d")
    assert values.labels == ["1", "1", None, "true"]
    assert "labels of several types (bool, int, str)" in values.warnings[0]


@pytest.mark.parametrize("raw", [b'{"v": ["a"]}', b'{"v": "a"}\n{"v": {"b": 1}}'])
def test_nested_json_is_refused(raw: bytes) -> None:
    table, _ = read_jsonl(raw, "x")
    for read in (read_labels, read_ids, read_texts):
        with pytest.raises(DataError, match="d: the cells are lists or objects"):
            read(table["v"], table.schema.field("v"), "d")


def test_nested_arrow_types_are_refused() -> None:
    with pytest.raises(DataError, match="lists or objects"):
        labels([["a"], ["b"]])


def test_ids_keep_their_text() -> None:
    array = pa.array([" 1", "01", "nan", "", None])
    ids = read_ids(pa.chunked_array([array]), pa.field("id", array.type), "d")
    assert ids == [" 1", "01", "nan", None, None]
    numbers = pa.array([1.0, 2.5, None])
    assert read_ids(pa.chunked_array([numbers]), pa.field("id", numbers.type), "d") == [
        "1",
        "2.5",
        None,
    ]


def test_texts_are_never_null() -> None:
    array = pa.array([" a ", None, ""])
    assert read_texts(pa.chunked_array([array]), pa.field("t", array.type), "d") == [" a ", "", ""]
    numbers = pa.array([1, None])
    assert read_texts(pa.chunked_array([numbers]), pa.field("t", numbers.type), "d") == ["1", ""]


def test_chunks_are_read_in_order() -> None:
    column = pa.chunked_array([pa.array(["b", "a"]), pa.array(["a", None]), pa.array(["c"])])
    assert read_labels(column, pa.field("l", column.type), "d").labels == ["b", "a", "a", None, "c"]
