"""Several definitions of a class, from the table of names to what is told of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from noisefix.detection.definitions import matching_note
from noisefix.detection.joint_stage import JointParams, run
from noisefix.run.checks import check_key
from noisefix.run.rows import definitions_of, name_matrix
from noisefix.run.schemas import LABEL_NAMES


def vectors(matrix):
    flat = pa.array(np.ascontiguousarray(matrix, np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, matrix.shape[1])


def test_the_table_is_read_class_by_class():
    matrix = np.array([[1, 0], [0, 1], [0.6, 0.8], [0.8, 0.6]], dtype=np.float32)
    table = pa.table(
        {"label": ["a", "b", "a", "c"], "text": list("wxyz"), "embedding": vectors(matrix)}
    )
    check_key(table, LABEL_NAMES, "names")
    found = definitions_of(table, ("a", "c"))
    np.testing.assert_array_equal(found[0], matrix[[0, 2]])
    np.testing.assert_array_equal(found[1], matrix[[3]])
    assert definitions_of(table, ("a", "d")) is None
    assert name_matrix(table, ("d",)) is None
    means = name_matrix(table, ("a", "b", "c"))
    np.testing.assert_array_equal(means[1:], matrix[[1, 3]])
    np.testing.assert_allclose(means[0], [0.894427, 0.447214], atol=1e-5)


def test_the_same_meaning_twice_changes_no_verdict(make_set):
    tables = make_set((40, 40, 40)).named_tables()
    once = run(tables, JointParams())
    names = tables["label_names"]
    tables["label_names"] = pa.concat_tables([names, names])
    twice = run(tables, JointParams())
    before, after = (each.tables["issues"] for each in (once, twice))
    np.testing.assert_allclose(before["p_error"], after["p_error"], atol=1e-4)
    assert before["is_issue"].equals(after["is_issue"])
    assert "name_matching" not in once.results
    assert twice.results["name_matching"] == "mean"
    assert twice.results["name_gain"] == pytest.approx(once.results["name_gain"])


def test_what_is_told():
    assert matching_note({}) == ()
    assert "count alike" in matching_note({"name_matching": "mean"})[0]
    assert "nearest to the text" in matching_note({"name_matching": "max"})[0]
