"""The gate for leaks: each row of the other file once, with the match that says most."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from noisefix.detection.leaks import OTHER_FILE, judge_leaks
from noisefix.errors import UsageError
from noisefix.run.folder import RunFolder
from noisefix.run.parquet import write_table
from noisefix.run.provenance import Provenance
from noisefix.run.schemas import ACROSS

MATCHES = (
    # other row, its label, row, its label, similarity, equal
    (2, "bill", 1, "ship", 1.0, True),
    (1, "bill", 3, "bill", 1.0, True),
    (2, "bill", 2, "bill", 1.0, True),
    (5, None, 4, "bill", 0.97, False),
)


def write_across(folder, matches=MATCHES, other_name="test.csv"):
    run = RunFolder(folder)
    other, label, row, given, similarity, equal = zip(*matches, strict=True)
    table = pa.table(
        {
            "other_id": [f"o{i}" for i in other],
            "other_row_number": pa.array(other, pa.int64()),
            "other_text": pa.array([f"text {i}" for i in row], pa.large_string()),
            "other_label": pa.array(label, pa.string()),
            "id": [f"t{i}" for i in row],
            "row_number": pa.array(row, pa.int64()),
            "text": pa.array([f"text {i}" for i in row], pa.large_string()),
            "given_label": pa.array(given, pa.string()),
            "similarity": pa.array(similarity, pa.float32()),
            "is_equal": list(equal),
            "rows": pa.array([1] * len(row), pa.int64()),
            "is_conflict": [a is not None and a != b for a, b in zip(label, given, strict=True)],
        }
    )
    made = Provenance("across", 1, "1", ("bill", "ship"), {"other_name": other_name})
    write_table(table, run.across, ACROSS, made)
    return run


def test_each_row_of_the_other_file_counts_once_with_the_match_that_says_most(tmp_path):
    run = write_across(tmp_path)
    found = judge_leaks(run, 2, np.array([2, 4, 5, 6]))
    assert (found.gate.name, found.gate.value, found.gate.limit) == ("max-leaks", 3, 2)
    assert not found.gate.passed
    assert found.gate.message == "3 rows of the other file with a text of this one, limit 2"
    assert found.other_name == "test.csv"
    assert [(row.other_row_number, row.row_number, row.line) for row in found.rows] == [
        (2, 1, 2),
        (1, 3, 5),
        (5, 4, 6),
    ]
    first, _, last = found.rows
    assert (first.given_label, first.other_label, first.is_conflict) == ("ship", "bill", True)
    assert (last.other_label, last.is_conflict, last.is_equal) == (None, False, False)
    assert len({row.key for row in found.rows}) == 3


def test_a_number_equal_to_the_limit_passes_and_lines_may_mean_nothing(tmp_path):
    found = judge_leaks(write_across(tmp_path, other_name=""), 3, None)
    assert found.gate.passed
    assert found.other_name == OTHER_FILE
    assert {row.line for row in found.rows} == {None}


def test_a_run_that_was_compared_with_nothing_is_refused(tmp_path):
    with pytest.raises(UsageError, match="compared with no other file"):
        judge_leaks(RunFolder(tmp_path), 0, None)
