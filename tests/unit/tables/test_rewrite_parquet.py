from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisefix.cleaning.rewrite import rewrite_source
from noisefix.errors import DataError
from noisefix.tables.source import read_source


def rewrite(tmp_path: Path, table: pa.Table, **changes: object) -> pa.Table:
    path = tmp_path / "d.parquet"
    if not path.exists():
        pq.write_table(table, path, row_group_size=2)
    rewrite_source(path, read_source(path), tmp_path / "out.parquet", **changes)  # type: ignore[arg-type]
    return pq.read_table(tmp_path / "out.parquet")


@pytest.mark.parametrize(
    ("old", "kind", "value", "new"),
    [
        (["a", "b", None], pa.string(), "c", "c"),
        (["a", "b", None], pa.large_string(), "c", "c"),
        ([1, 2, None], pa.int16(), "7", 7),
        ([1.0, 2.0, None], pa.float64(), "7", 7.0),
        ([True, False, None], pa.bool_(), "true", True),
        (["a", "b", None], pa.dictionary(pa.int8(), pa.string()), "c", "c"),
        (["a", "b", None], pa.dictionary(pa.int8(), pa.string(), ordered=True), "a", "a"),
        (["a", "b", None], pa.string(), None, None),
    ],
)
def test_values_take_the_columns_type(
    tmp_path: Path, old: list[object], kind: pa.DataType, value: str | None, new: object
) -> None:
    table = pa.table({"label": pa.array(old, kind), "n": [1, 2, 3]}, metadata={b"mine": b"kept"})
    result = rewrite(tmp_path, table, edits={(3, "label"): value, (2, "label"): value})
    assert result.schema.equals(table.schema, check_metadata=True)
    assert result["label"].to_pylist() == [old[0], new, new]
    assert result["n"].to_pylist() == [1, 2, 3]


def test_a_dictionary_keeps_its_order_and_grows(tmp_path: Path) -> None:
    categories = pa.DictionaryArray.from_arrays(pa.array([1, 0, 1], pa.int8()), ["z", "a"])
    result = rewrite(tmp_path, pa.table({"label": categories}), edits={(1, "label"): "m"})
    assert result["label"].to_pylist() == ["m", "z", "a"]
    assert result["label"].combine_chunks().dictionary.to_pylist()[:2] == ["z", "a"]


@pytest.mark.parametrize("kind", [pa.int64(), pa.bool_(), pa.float32(), pa.null()])
def test_what_the_column_cannot_hold_is_refused(tmp_path: Path, kind: pa.DataType) -> None:
    table = pa.table({"label": pa.nulls(2, kind)})
    with pytest.raises(DataError, match=f"row 1, column 'label': 'spam' .* type is {kind}"):
        rewrite(tmp_path, table, edits={(1, "label"): "spam"})
    assert not (tmp_path / "out.parquet").exists()


def test_numbers_too_large_for_the_column_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'300' cannot be written"):
        rewrite(tmp_path, pa.table({"l": pa.array([1], pa.int8())}), edits={(1, "l"): "300"})


def test_a_column_without_nulls_cannot_be_emptied(tmp_path: Path) -> None:
    schema = pa.schema([pa.field("label", pa.string(), nullable=False)])
    with pytest.raises(DataError, match="row 1, column 'label' cannot be empty"):
        rewrite(tmp_path, pa.table([["a"]], schema=schema), edits={(1, "label"): None})


def test_rows_dropped_and_columns_added(tmp_path: Path) -> None:
    table = pa.table({"label": ["a", "b", "c"]})
    result = rewrite(tmp_path, table, dropped=[2], added={"flag": ["x", "y", None]})
    assert result.to_pydict() == {"label": ["a", "c"], "flag": ["x", None]}


def test_codec_and_bytes_without_change(tmp_path: Path) -> None:
    table = pa.table({"label": ["a", "b"]})
    path = tmp_path / "d.parquet"
    pq.write_table(table, path, compression="gzip")
    rewrite(tmp_path, table)
    assert (tmp_path / "out.parquet").read_bytes() == path.read_bytes()
    rewrite(tmp_path, table, edits={(1, "label"): "z"})
    metadata = pq.read_metadata(tmp_path / "out.parquet")
    assert metadata.row_group(0).column(0).compression == "GZIP"


def test_pandas_gets_its_frame_back(tmp_path: Path) -> None:
    frame = pd.DataFrame({"label": pd.Categorical(["a", "b", "a"]), "n": [1, 2, 3]})
    frame.to_parquet(tmp_path / "d.parquet")
    rewrite(tmp_path, pa.table({}), edits={(2, "label"): "a"}, dropped=[1])
    again = pd.read_parquet(tmp_path / "out.parquet")
    assert again["label"].tolist() == ["a", "a"]
    assert isinstance(again["label"].dtype, pd.CategoricalDtype)
