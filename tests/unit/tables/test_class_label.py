from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisefix.tables.class_label import class_label_names, item_names, label_cell
from noisefix.tables.dataset import load_dataset
from noisefix.tables.label_values import column_labels
from noisefix.tables.source import read_source

FEATURE = {"names": ["zebra", "ant", "bee"], "_type": "ClassLabel"}


def described(columns: dict[str, list[object]], features: object) -> pa.Table:
    info = json.dumps({"info": {"features": features}})
    return pa.table(columns).replace_schema_metadata({"huggingface": info})


def write_arrow(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_stream(path, table.schema) as writer:  # as datasets caches its tables
        writer.write_table(table)


@pytest.mark.parametrize(
    ("name", "write"), [("d.parquet", pq.write_table), ("d.arrow", write_arrow)]
)
def test_names_stand_for_the_numbers(tmp_path: Path, name: str, write: Any) -> None:
    path = tmp_path / name
    columns = {"text": list("abcd"), "label": [0, 2, -1, None], "checked": [1, None, 2, 0]}
    write(described(columns, {"label": FEATURE}), path)
    source = read_source(path)
    data = load_dataset(source)
    assert data.given_labels == ["zebra", "bee", None, None]  # -1: datasets' "no label"
    assert "label names: from the file's metadata (0 = zebra, 1 = ant, 2 = bee)" in data.notes
    assert [label_cell(source, "label", name) for name in ("bee", "wasp", None)] == [
        "2",
        "wasp",
        None,
    ]
    assert column_labels(source, "checked").labels == ["1", None, "2", "0"]
    assert column_labels(source, "checked", like="label").labels == ["ant", None, "bee", "zebra"]


def test_a_number_without_a_name_stays_and_is_told(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    pq.write_table(described({"text": list("abc"), "label": [0, 1, 7]}, {"label": FEATURE}), path)
    values = column_labels(read_source(path), "label")
    assert values.labels == ["zebra", "ant", "7"]
    assert "no name is known for the labels '7'" in values.warnings[0]


@pytest.mark.parametrize(
    "features",
    [
        {"label": {"dtype": "int64", "_type": "Value"}},
        {"label": {"_type": "ClassLabel"}},
        {"label": {"names": ["a", "a"], "_type": "ClassLabel"}},
        {"label": {"names": [1, 2], "_type": "ClassLabel"}},
        {"label": ["a"]},
        {},
        None,
        7,
    ],
)
def test_metadata_of_another_kind_names_nothing(features: object) -> None:
    assert class_label_names(described({"label": [0, 1]}, features).schema, "label") == ()


def test_broken_metadata_and_labels_that_are_names_already() -> None:
    broken = pa.table({"label": [0]}).replace_schema_metadata({"huggingface": "{"})
    assert class_label_names(broken.schema, "label") == ()
    assert (
        class_label_names(described({"label": ["ant"]}, {"label": FEATURE}).schema, "label") == ()
    )


@pytest.mark.parametrize(
    "feature",
    [
        {"feature": FEATURE, "_type": "List"},
        {"feature": FEATURE, "length": -1, "_type": "Sequence"},
        {"feature": FEATURE, "_type": "LargeList"},
        [FEATURE],
    ],
)
def test_items_of_lists_have_names(feature: object) -> None:
    schema = described({"label": [[0, 2], []]}, {"label": feature}).schema
    assert item_names(schema, "label") == ("zebra", "ant", "bee")
    assert class_label_names(schema, "label") == ()


@pytest.mark.parametrize(
    ("cells", "feature"),
    [
        ([[0]], FEATURE),
        ([[0]], {"feature": {"dtype": "int64", "_type": "Value"}, "_type": "List"}),
        ([[0]], {"feature": [FEATURE], "_type": "List"}),
        ([[0]], {"feature": FEATURE, "_type": "Array2D"}),
        ([[0]], [FEATURE, FEATURE]),
        ([[0]], "List"),
        ([[0]], None),
        ([["ant"]], {"feature": FEATURE, "_type": "List"}),
        ([[[0]]], {"feature": FEATURE, "_type": "List"}),
        ([{"a": 0}], {"feature": FEATURE, "_type": "List"}),
        ([0], {"feature": FEATURE, "_type": "List"}),
    ],
)
def test_other_lists_have_none(cells: list[object], feature: object) -> None:
    assert item_names(described({"label": cells}, {"label": feature}).schema, "label") == ()
