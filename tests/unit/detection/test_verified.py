"""The trusted column: marks, or verified labels, and which of the two."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from noisefix.detection.verified import align_trusted, trusted_rows
from noisefix.errors import DataError, UsageError
from noisefix.tables.dataset import Dataset, load_dataset
from noisefix.tables.source import read_source


def dataset(folder: Path, labels: list[str], checked: list[str]) -> Dataset:
    lines = [f"text {i},{a},{b}" for i, (a, b) in enumerate(zip(labels, checked, strict=True))]
    path = folder / "data.csv"
    path.write_text("\n".join(["text,label,checked", *lines]) + "\n")
    return load_dataset(read_source(path), text_column="text", label_column="label")


def read(folder: Path, labels: list[str], checked: list[str]) -> list[tuple[str, str | None]]:
    table = trusted_rows(dataset(folder, labels, checked), "checked")
    return list(zip(*table.to_pydict().values(), strict=True))


@pytest.mark.parametrize(
    "checked",
    [
        ["yes", "no", "yes", ""],
        ["1", "0", "1", "0"],
        ["True", "false", "TRUE", ""],
        ["x", "", "X", ""],
        [" gold ", "", "verified", "n"],
    ],
)
def test_marks_say_which_given_labels_are_right(tmp_path, checked):
    assert read(tmp_path, ["a", "b", "a", "b"], checked) == [("1", None), ("3", None)]


def test_anything_else_is_the_verified_label(tmp_path):
    found = read(tmp_path, ["a", "b", "a", "b"], ["b", "", "a", "never given"])
    assert found == [("1", "b"), ("3", "a"), ("4", "never given")]


def test_labels_that_are_called_like_marks(tmp_path):
    assert read(tmp_path, ["0", "1", "0", "1"], ["0", "0", "", "1"]) == [
        ("1", "0"),
        ("2", "0"),
        ("4", "1"),
    ]
    assert read(tmp_path, ["0", "1", "0", "1"], ["x", "", "x", ""]) == [("1", None), ("3", None)]
    assert read(tmp_path, ["0", "1", "0", "1"], ["yes", "no", "", ""]) == [("1", None)]


@pytest.mark.parametrize("checked", [["1", "0", "1", "1"], ["1", "", "", "1"]])
def test_what_can_be_read_both_ways_is_refused(tmp_path, checked):
    with pytest.raises(DataError, match=r"column 'checked'.*marks.*or verified labels") as caught:
        read(tmp_path, ["0", "1", "0", "1"], checked)
    assert "verified rows with x" in caught.value.hint


def test_an_empty_or_missing_column_is_refused(tmp_path):
    with pytest.raises(DataError, match="trusted column 'checked' is empty"):
        read(tmp_path, ["a", "b"], ["", " "])
    with pytest.raises(DataError, match="'nope'"):
        trusted_rows(dataset(tmp_path, ["a", "b"], ["x", ""]), "nope")


def test_all_marked_as_not_looked_at_trusts_nobody(tmp_path):
    assert read(tmp_path, ["a", "b"], ["no", "no"]) == []


def test_alignment():
    said = pa.table({"id": ["4", "1", "2", "5"], "verified_label": ["zebra", "b", None, "a"]})
    given = np.array([0, 1, 0, 1, -1])
    found = align_trusted(said, ["1", "2", "3", "4", "5"], ("a", "b"), given)
    assert found.is_trusted.tolist() == [True, True, False, True, True]
    assert found.names == ("a", "b", "zebra")
    assert found.labels.tolist() == [1, 1, -1, 2, 0]
    assert found.is_fair.tolist() == [True, False, False, True, True]


def test_alignment_without_verified_rows():
    found = align_trusted(None, ["1", "2"], ("a", "b"), np.array([0, -1]))
    assert not found.is_trusted.any()
    assert not found.is_fair.any()
    assert found.labels.tolist() == [-1, -1]
    assert found.names == ("a", "b")


@pytest.mark.parametrize(("column", "purpose"), [("label", "label"), ("Text", "text")])
def test_a_column_does_not_verify_itself(tmp_path, column, purpose):
    data = dataset(tmp_path, ["a", "b"], ["x", ""])
    with pytest.raises(UsageError, match=f"this is the {purpose} column itself") as caught:
        trusted_rows(data, column)
    assert caught.value.hint is not None
