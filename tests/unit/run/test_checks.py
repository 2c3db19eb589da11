from __future__ import annotations

import pyarrow as pa
import pytest

from noisefix.errors import DataError
from noisefix.run.checks import check_key, conform
from noisefix.run.schemas import Column, TableSchema

SCHEMA = TableSchema(
    "things",
    1,
    "For these tests.",
    (
        Column("id", "string", ""),
        Column("n", "int64", "", nullable=True),
        Column("p", "double", "", nullable=True),
        Column("probs", "fixed_size_list<float>[K]", ""),
        Column("more_probs", "fixed_size_list<float>[K]", ""),
        Column("reasons", "list<string>", ""),
    ),
)


def things(**changes: object) -> pa.Table:
    columns: dict[str, object] = {
        "id": ["a", "b"],
        "n": pa.array([1, None], pa.int64()),
        "p": [0.5, None],
        "probs": pa.array([[0.5, 0.5], [1, 0]], pa.list_(pa.float32(), 2)),
        "more_probs": pa.array([[0.5, 0.5], [1, 0]], pa.list_(pa.float32(), 2)),
        "reasons": [["x"], []],
    }
    return pa.table({k: v for k, v in (columns | changes).items() if v is not None})


def test_columns_come_in_schema_order_and_others_after_them() -> None:
    shuffled = things(extra=[1, 2]).select(
        ["extra", "reasons", "more_probs", "probs", "p", "n", "id"]
    )
    ready = conform(shuffled, SCHEMA, "here")
    assert ready.column_names == ["id", "n", "p", "probs", "more_probs", "reasons", "extra"]
    assert ready.schema.field("id").nullable is False
    assert ready.select(things().column_names).to_pydict() == things().to_pydict()


@pytest.mark.parametrize(
    ("name", "values", "as_stored"),
    [
        ("id", pa.array(["a", "b"], pa.large_string()), ["a", "b"]),
        ("id", pa.array(["a", "b"]).dictionary_encode(), ["a", "b"]),
        ("n", pa.array([1, 2], pa.int8()), [1, 2]),
        ("n", pa.nulls(2), [None, None]),
        ("p", pa.array([1, 2], pa.int64()), [1.0, 2.0]),
        ("p", pa.array([0.5, 2], pa.float32()), [0.5, 2.0]),
        ("probs", pa.array([[1, 0], [0, 1]], pa.list_(pa.float32())), [[1, 0], [0, 1]]),
        ("reasons", pa.array([["a"], []], pa.large_list(pa.large_string())), [["a"], []]),
    ],
)
def test_lossless_casts_are_made(name: str, values: pa.Array, as_stored: list[object]) -> None:
    ready = conform(things(**{name: values}), SCHEMA, "here")
    expected = SCHEMA.arrow({"K": 2}).field(name).type
    assert ready.schema.field(name).type == expected
    assert ready[name].to_pylist() == as_stored


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n": None}, "missing column 'n'"),
        ({"id": [1, 2]}, "column 'id': type int64, expected string"),
        ({"n": [1.0, 2.0]}, "column 'n': type double, expected int64"),
        ({"p": ["a", "b"]}, "column 'p': type string, expected double"),
        ({"n": pa.array([2**63, 1], pa.uint64())}, "column 'n': "),
        ({"p": pa.array([2**53 + 1, 1])}, "column 'p': "),
        (
            {"probs": pa.array([[1.0, 0.0]] * 2, pa.list_(pa.float64(), 2))},
            r"column 'probs': type fixed_size_list.*double.* expected",
        ),
        (
            {"probs": pa.array([[1, 0], [1, 0, 0]], pa.list_(pa.float32()))},
            "column 'probs': ",
        ),
        (
            {"more_probs": pa.array([[1, 0, 0]] * 2, pa.list_(pa.float32(), 3))},
            "column 'more_probs': lists of 3, but K = 2",
        ),
        ({"probs": [1.0, 2.0]}, "column 'probs': type double"),
        ({"reasons": [["a"], None]}, "column 'reasons': 1 nulls, the first in row 2"),
        ({"id": ["a", None]}, "column 'id': 1 nulls"),
        ({"id": ["a", "a"]}, r"key id: 'a' is in rows 1 and 2 \(1 rows repeat a key\)"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match="^here: things table.*" + message):
        conform(things(**changes), SCHEMA, "here")


def test_doubled_columns_are_refused() -> None:
    table = things().append_column("n", pa.array([1, 2]))
    with pytest.raises(DataError, match="column 'n' appears twice"):
        conform(table, SCHEMA, "here")


def test_keys_of_several_columns() -> None:
    schema = TableSchema(
        "pairs", 1, "", (Column("a", "string", ""), Column("b", "string", "")), ("a", "b")
    )
    check_key(pa.table({"a": ["x", "x"], "b": ["1", "2"]}), schema, "here")
    with pytest.raises(DataError, match=r"key a, b: \('x', '1'\) is in rows 1 and 2"):
        check_key(pa.table({"a": ["x", "x"], "b": ["1", "1"]}), schema, "here")
    with pytest.raises(DataError, match="b is null in row 2"):
        check_key(pa.table({"a": ["x", "y"], "b": ["1", None]}), schema, "here")


def test_no_rows_are_fine() -> None:
    empty = things().slice(0, 0)
    assert conform(empty, SCHEMA, "here").num_rows == 0
