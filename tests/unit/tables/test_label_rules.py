"""Codes become names, variants one class, and new labels are written as the others are."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.tables.label_cells import written_labels
from noisefix.tables.label_rules import LabelRules, look_key, merged
from noisefix.tables.label_values import column_labels, read_labels
from noisefix.tables.source import read_source

CODES = LabelRules(names={"0": "refund", "1": "parcel", "refnd": "refund"})


def read(values, rules, kind=None):
    column = pa.chunked_array([pa.array(values, kind)])
    return read_labels(column, pa.field("label", column.type), "d, column 'label'", rules=rules)


def test_codes_become_names_and_names_stay():
    found = read(["0", " 1 ", "refnd", "0", "parcel", None, ""], CODES)
    assert found.labels == ["refund", "parcel", "refund", "refund", "parcel", None, None]
    assert found.spellings == {"refund": "0", "parcel": "1"}  # of equals the first
    assert found.warnings == ()


def test_numbers_are_codes_too():
    assert read([0, 1, None], CODES).labels == ["refund", "parcel", None]
    assert read([0.0, 1.0, None], CODES).labels == ["refund", "parcel", None]
    assert read([0, 1], CODES).spellings == {"refund": "0", "parcel": "1"}


def test_a_code_that_the_map_does_not_know_is_told_and_stays():
    found = read(["0", "7", "8"], CODES)
    assert found.labels == ["refund", "7", "8"]
    assert found.warnings == (
        "d, column 'label': --label-map does not say what '7', '8' mean; taken for classes as "
        "written",
        "d, column 'label': --label-map: no row has '1', 'refnd'",
    )


def test_missing_labels_may_be_codes_or_names():
    for word in ("1", "parcel"):
        rules = LabelRules(missing=(word,), names=CODES.names)
        found = read(["0", "1", "refnd"], rules)
        assert found.labels == ["refund", None, "refund"]
        assert found.warnings == ()


def test_labels_that_differ_in_case_and_blanks_are_one_class():
    rules = LabelRules(merge_case=True)
    found = read(["Refund", "refund ", "refund", "REFUND", "wait  time", "Wait time"], rules)
    assert found.labels == ["refund"] * 4 + ["Wait time"] * 2
    assert not any("--merge-case" in warning for warning in found.warnings)
    known = rules.knowing(["REFUND", "wait time"])
    assert read(["refund", "Wait Time", "other"], known).labels == ["REFUND", "wait time", "other"]
    (warning,) = read(["Refund", "refund"], LabelRules()).warnings
    assert "--merge-case" in warning


def test_the_map_goes_first_and_its_names_are_merged_too():
    rules = LabelRules(names={"0": "Refund"}, merge_case=True)
    assert set(read(["0", "0", "refund", "x"], rules).labels) == {"Refund", "x"}


@pytest.mark.parametrize("name", ["d.csv", "d.jsonl"])
def test_a_changed_cell_is_written_as_most_of_its_class_are(tmp_path, name):
    values = ["0", "refnd", "refnd", "parcel", "Other"]
    path = tmp_path / name
    rows = [json.dumps({"text": "x", "label": value}) for value in values]
    csv = ["text,label", *(f"x,{value}" for value in values)]
    path.write_text("\n".join(csv if name == "d.csv" else rows) + "\n")
    source = read_source(path)
    cell = written_labels(source, "label", LabelRules(names={**CODES.names, "9": "never"}))
    written = [cell(label) for label in ("refund", "parcel", "Other", "never", "new")]
    assert written == ["refnd", "parcel", "Other", "9", "new"]
    assert column_labels(source, "label").spellings == {value: value for value in values}


@given(st.lists(st.text(min_size=1), min_size=1))
def test_merged_classes_are_those_that_look_alike(cells):
    labels = {cell: cell for cell in cells}
    found = merged(labels, dict.fromkeys(cells, 1), LabelRules(merge_case=True))
    for one in cells:
        for other in cells:
            assert (found[one] == found[other]) == (look_key(one) == look_key(other))
    assert merged(labels, dict.fromkeys(cells, 1), LabelRules()) == labels
