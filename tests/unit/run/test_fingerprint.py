from __future__ import annotations

import dataclasses
import math
from enum import Enum
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from noisefix.errors import DataError
from noisefix.run.fingerprint import fingerprint, jsonable_params, path_digest, table_digest


class Colour(Enum):
    RED = "red"


@dataclasses.dataclass(frozen=True)
class Inner:
    x: float = 0.5


@dataclasses.dataclass(frozen=True)
class Params:
    value: Any = None
    inner: Inner = dataclasses.field(default_factory=Inner)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1),
        ("a", "a"),
        (None, None),
        (True, True),
        ((1, (2, "b")), [1, [2, "b"]]),
        ({"b": 1, 2: "a"}, {"b": 1, "2": "a"}),
        (frozenset({"b", "a"}), ["a", "b"]),
        (Colour.RED, "red"),
    ],
)
def test_parameters_as_json(value: object, expected: object) -> None:
    assert jsonable_params(Params(value)) == {"value": expected, "inner": {"x": 0.5}}


def test_a_path_stands_for_its_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    (tmp_path / "b").write_text("one")
    first = jsonable_params(Params(tmp_path / "a"))
    assert first == jsonable_params(Params(tmp_path / "b"))
    (tmp_path / "a").write_text("two")
    assert first != jsonable_params(Params(tmp_path / "a"))
    with pytest.raises(DataError, match="no such file"):
        jsonable_params(Params(tmp_path / "none"))


def test_a_folder_stands_for_its_names_and_contents(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a").write_text("one")
    first = path_digest(folder)
    (folder / "sub" / "a").rename(folder / "sub" / "b")
    second = path_digest(folder)
    (folder / "sub" / "b").write_text("two")
    assert len({first, second, path_digest(folder)}) == 3


@pytest.mark.parametrize("value", [print, lambda: 0, object(), Params])
def test_what_has_no_fixed_content_is_a_mistake(value: object) -> None:
    with pytest.raises(TypeError, match=r"parameter value: .* has no fixed content"):
        jsonable_params(Params(value))


def test_only_instances_of_dataclasses_are_parameters() -> None:
    for wrong in ({"a": 1}, Params):
        with pytest.raises(TypeError, match="must be a dataclass"):
            jsonable_params(wrong)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_must_be_finite(value: float) -> None:
    with pytest.raises(DataError, match=r"parameter value: .* is not a finite number"):
        jsonable_params(Params(value))


def test_every_fact_counts_and_their_order_does_not() -> None:
    facts: dict[str, Any] = {
        "stage": "joint",
        "version": 1,
        "parameters": {"a": 1, "b": 2},
        "seed": 0,
        "inputs": {"x": "1", "y": "2"},
    }
    mark = fingerprint(**facts)
    assert mark == fingerprint(
        **(facts | {"parameters": {"b": 2, "a": 1}, "inputs": {"y": "2", "x": "1"}})
    )
    changes: list[dict[str, Any]] = [
        {"stage": "joints"},
        {"version": 2},
        {"parameters": {"a": 1}},
        {"seed": 1},
        {"inputs": {"x": "1"}},
    ]
    assert len({mark, *(fingerprint(**(facts | change)) for change in changes)}) == 6


def test_table_digest_sees_values_and_names_not_chunks() -> None:
    table = pa.table({"id": ["a", "b", None], "n": [1, 2, 3]})
    parts = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    assert table_digest(parts) == table_digest(table)
    assert table_digest(table.slice(1)) == table_digest(pa.table({"id": ["b", None], "n": [2, 3]}))
    others = [
        table.slice(0, 2),
        table.rename_columns(["id", "m"]),
        table.set_column(1, "n", pa.array([1, 2, 4])),
        table.set_column(1, "n", pa.array([1, 2, 3], pa.int32())),
        table.select(["n", "id"]),
    ]
    assert len({table_digest(table), *map(table_digest, others)}) == 6
    assert table_digest(table.slice(0, 0)) == table_digest(table.slice(1, 0))
