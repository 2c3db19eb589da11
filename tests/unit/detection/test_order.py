"""The order of rows read from numbers, dates and text; what has none is told where and why."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisefix.detection.order import ordered_rows, sequences_of
from noisefix.errors import DataError, UsageError
from noisefix.probing.hidden_chain import NO_PLACE
from noisefix.tables.source import read_source


def read(folder: Path, order, group=None, group_column=None, **purposes):
    """Write a table with the columns order and group, and read its order back."""
    columns = {"order": order, "text": ["x"] * len(order)}
    if group is not None:
        columns["group"] = group
    path = folder / "d.parquet"
    pq.write_table(pa.table(columns), path)
    ids = [f"r{k}" for k in range(len(order))]
    found = ordered_rows(
        read_source(path), "order", group_column, ids, purposes={"text": "text", **purposes}
    )
    places = dict(zip(found["id"].to_pylist(), found["place"].to_pylist(), strict=True))
    return [places.get(key) for key in ids], found


@pytest.mark.parametrize(
    ("values", "places"),
    [
        ([10, 2, 3], [2, 0, 1]),
        (["10", "2", " 3 "], [2, 0, 1]),
        (["1e3", "-2.5", "3"], [2, 0, 1]),
        (["turn 10", "turn 2", "turn 2b"], [2, 0, 1]),
        (["2026-11-29", "2025-01-02T10:00:00", "2025-01-02T09:59:59+00:00"], [2, 1, 0]),
        ([date(2026, 1, 2), date(2025, 1, 2), date(2026, 1, 3)], [1, 0, 2]),
        ([datetime(2026, 1, 2, 3), datetime(2026, 1, 2, 1), None], [1, 0, None]),
        (["10:05", "9:30", "9:31"], [2, 0, 1]),
        (["decision 4", "decision 3", "may be 5"], [1, 0, 2]),
        ([2, 2, 1], [1, 1, 0]),
        (["2", "", "1"], [1, None, 0]),
        ([2.0, float("nan"), 1.0], [1, None, 0]),
    ],
)
def test_numbers_dates_and_text(tmp_path, values, places):
    assert read(tmp_path, values)[0] == places


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["1", "2", "three"], "row 3: 'three' is not a number, as 2 others are"),
        (["2026-01-01", "2026-01-02", "soon"], "row 3: 'soon' is not a date"),
        (["03/04/2026", "04/04/2026"], "row 1: '03/04/2026' looks like a date"),
        (["", "3 Jan 2026"], "row 2: '3 Jan 2026' looks like a date"),
        (["March 3, 2026", "x"], "row 1: 'March 3, 2026' looks like a date"),
        (["", None], "is empty"),
        (["7", "7.0", "7"], "is the same in every row"),
        (["1", "2", "inf"], "row 3: 'inf' is not a number"),
    ],
)
def test_what_cannot_be_ordered_is_told(tmp_path, values, said):
    with pytest.raises(DataError) as caught:
        read(tmp_path, values)
    assert said in caught.value.message
    assert caught.value.hint


def test_lists_have_no_order(tmp_path):
    with pytest.raises(DataError, match="lists or objects"):
        read(tmp_path, [[1], [2]])


def test_groups_are_read_as_ids_are_and_rows_without_one_are_left_out(tmp_path):
    places, found = read(tmp_path, [1, 2, 3], [7.0, None, 8.0], "group")
    assert places == [0, None, 2]
    assert found["group"].to_pylist() == ["7", "8"]


@pytest.mark.parametrize("column", ["order", "group"])
def test_a_column_cannot_serve_two_purposes(tmp_path, column):
    with pytest.raises(UsageError, match="this is the label column itself"):
        read(tmp_path, [1, 2], ["a", "b"], "group", label=column)


def test_the_order_is_not_the_group(tmp_path):
    with pytest.raises(UsageError, match="two purposes"):
        read(tmp_path, [1, 2], ["a", "b"], "order")


def test_an_empty_group_column_is_told(tmp_path):
    with pytest.raises(DataError, match="--group-column"):
        read(tmp_path, [1, 2], pa.array([None, None], pa.string()), "group")


def test_a_missing_column_is_told(tmp_path):
    with pytest.raises(DataError, match="--group-column"):
        read(tmp_path, [1, 2], ["a", "b"], "grupp")


def test_sequences_stand_in_the_order_of_the_rows(tmp_path):
    _, found = read(tmp_path, [3, 1, 2], ["b", "a", "b"], "group")
    sequences = sequences_of(found, ["r2", "other", "r0", "r1"])
    assert sequences.names == ("a", "b")
    assert sequences.groups.tolist() == [1, 0, 1, 0]
    assert sequences.places.tolist() == [1, NO_PLACE, 2, 0]
    assert sequences_of(None, ["r0"]) is None


def test_one_sequence_has_no_groups_to_speak_of(tmp_path):
    _, found = read(tmp_path, [3, 1, 2])
    assert sequences_of(found, ["r0", "r1", "r2"]).names == ()
