from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from noisefix.cleaning.handover.rows import Nearest, flagged_rows, handed_rows, nearest_rows
from noisefix.run.parquet import write_table
from noisefix.run.provenance import Provenance
from noisefix.run.schemas import CANDIDATES
from noisefix.tables.atomic import sha256_file

CSV = "text,label\nwhere is it,ship\nmy money,bill\nhello,ship\nno label,\n"


@pytest.fixture
def verdicts(verdict):
    return [
        verdict("ship", "bill", 0.60, is_issue=True),
        verdict("bill", "ship", 0.97, is_issue=True),
        verdict("ship", "ship", 0.99),
        verdict(None, "ship", 0.90),
    ]


@pytest.fixture
def run(make_run, verdicts):
    """Return a run whose second row has two neighbours, one of which the run does not know."""
    run = make_run(CSV, verdicts)
    n = 4
    table = pa.table(
        {
            "id": [str(i + 1) for i in range(n)],
            "given_label": pa.array([v.given for v in verdicts], pa.string()),
            "candidate_labels": [["ship"]] * n,
            "candidate_weights": [[1.0]] * n,
            "is_certain": [True] * n,
            "neighbor_ids": [[], ["3", "gone", "1"], [], []],
            "neighbor_similarities": pa.array(
                [[], [0.875, 0.75, 0.5], [], []], pa.list_(pa.float32())
            ),
        }
    )
    provenance = Provenance(
        schema=CANDIDATES.name,
        version=CANDIDATES.version,
        noisefix_version="0",
        class_names=("bill", "ship"),
        inputs={"issues": sha256_file(run.issues)},
    )
    write_table(table, run.candidates, CANDIDATES, provenance)
    return run


def test_flagged_rows_begin_with_the_most_suspicious(make_issues, verdicts):
    assert flagged_rows(make_issues(verdicts, ("bill", "ship"))).tolist() == [1, 0]


def test_rows_in_the_order_asked_for(make_issues, verdicts):
    issues = make_issues(verdicts, ("bill", "ship"), texts=["a", "b\0c", "c", "d"])
    rows = handed_rows(issues, ("bill", "ship"), np.array([3, 1]), {"2": (Nearest("x", "y", 1),)})
    assert [row.id for row in rows] == ["4", "2"]
    assert (rows[0].given_label, rows[0].p_error, rows[0].nearest) == (None, None, ())
    assert (rows[1].text, rows[1].suggested_label) == ("b\N{REPLACEMENT CHARACTER}c", "ship")
    assert rows[1].p_suggested == pytest.approx(0.97)
    assert rows[1].alike == "1.00 x: y"


def test_a_class_that_no_row_was_given_has_no_probability(make_issues, verdicts):
    issues = make_issues(verdicts, ("bill", "ship"))
    (row,) = handed_rows(issues, ("bill",), np.array([1]), {})
    assert row.p_suggested is None


def test_nearest_texts_are_those_of_the_candidates(run, make_issues, verdicts):
    issues = make_issues(verdicts, ("bill", "ship"), texts=["one", "two", "three", "four"])
    found = nearest_rows(run, issues)
    assert found["2"] == (Nearest("ship", "three", 0.875), Nearest("ship", "one", 0.5))
    assert found["1"] == ()


def test_without_candidates_there_are_none(run, make_issues, verdicts):
    run.candidates.unlink()
    assert nearest_rows(run, make_issues(verdicts, ("bill", "ship"))) == {}


def test_candidates_that_cannot_be_read_are_not_shown(run, make_issues, verdicts):
    run.candidates.write_bytes(b"no table")
    assert nearest_rows(run, make_issues(verdicts, ("bill", "ship"))) == {}


def test_long_texts_are_cut_and_lie_on_one_line():
    shown = str(Nearest("ship", "a\n" * 300, 0.5))
    assert shown.startswith("0.50 ship: a a a")
    assert shown.endswith("…")
    assert len(shown) == len("0.50 ship: ") + 200
