"""Two texts of a row that do not belong together: what is said, and that no label moves."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from noisefix.detection import issues_table
from noisefix.detection.joint_stage import JointParams, run
from noisefix.detection.mismatched import matches_of


@pytest.fixture
def tables(make_set):
    return make_set((30, 30)).tables()


def matches(ids, probs):
    ranks = [None if p is None else p / 2 for p in probs]
    return pa.table(
        {
            "id": pa.array(ids),
            "match_rank": pa.array(ranks, pa.float64()),
            "p_mismatch": pa.array(probs, pa.float64()),
        }
    )


def probs_of(n_rows):
    return [0.95, 0.85, None, *[0.1] * (n_rows - 3)]


def test_it_is_said_and_nothing_else_changes(tables):
    ids = tables["embeddings"]["id"].to_pylist()
    before = run(tables, JointParams())
    found = run(tables | {"matches": matches(ids, probs_of(60))}, JointParams())
    issues = found.tables["issues"]
    assert issues["p_mismatch"].to_pylist() == probs_of(60)
    assert issues["match_rank"].to_pylist()[:3] == [0.475, 0.425, None]
    reasons = issues["reasons"].to_pylist()
    assert reasons[0][0].startswith("mismatched_pair: ")
    assert "48 %" in reasons[0][0]
    assert not any("mismatched" in " ".join(said) for said in reasons[2:])
    assert found.results["mismatched"] == {"count": 2, "rows": [0, 1]}
    assert "mismatched" not in before.results
    same = [name for name in before.tables["issues"].column_names if name != "reasons"]
    assert issues.select(same).equals(before.tables["issues"].select(same))
    assert not {"p_mismatch", "match_rank"} & set(before.tables["issues"].column_names)


def test_who_has_verified_a_row_has_looked_at_it(tables):
    rows = tables["embeddings"]
    ids = rows["id"].to_pylist()
    trusted = pa.table({"id": ids[:1], "verified_label": [rows["given_label"][0].as_py()]})
    more = {"matches": matches(ids, probs_of(60)), "trusted": trusted}
    found = run(tables | more, JointParams())
    assert found.tables["issues"]["p_mismatch"].to_pylist()[:2] == [0.0, 0.85]
    assert found.results["mismatched"] == {"count": 1, "rows": [1]}


def test_rows_are_known_by_their_ids():
    table = matches(["b", "a"], [0.9, 0.2])
    found = matches_of(table, ["a", "x", "b"])
    np.testing.assert_array_equal(found.p_mismatch, [0.2, np.nan, 0.9])
    assert matches_of(None, ["a"]) is None


def test_in_parts_it_is_the_same(make_set, monkeypatch):
    tables = make_set((700, 500)).tables()
    ids = tables["embeddings"]["id"].to_pylist()
    probs = np.round(np.random.default_rng(0).random(1200), 6)
    tables["matches"] = matches(ids, probs.tolist())
    whole = run(tables, JointParams()).tables["issues"]
    assert whole["p_mismatch"].to_pylist() == probs.tolist()
    monkeypatch.setattr(issues_table, "_PART_ROWS", 1000)
    in_parts = run(tables, JointParams()).tables["issues"]
    assert in_parts.equals(whole)
    said = [any("mismatched_pair" in one for one in row) for row in in_parts["reasons"].to_pylist()]
    np.testing.assert_array_equal(said, probs >= 0.8)
