"""The candidates stage: joined by id, and made of clean neighbours."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from noisefix.detection import joint_stage as joint
from noisefix.detection.candidates_stage import CandidatesParams, run
from noisefix.errors import DataError, UsageError
from noisefix.run.checks import conform
from noisefix.run.provenance import Provenance
from noisefix.run.schemas import CANDIDATES

NAMES = ("billing", "delivery", "refund")


@pytest.fixture
def data(make_set):
    data = make_set([60, 50, 40])
    wrong = np.flatnonzero(data.true == 0)[:10]
    return data.given_to(wrong, "refund").given_to(np.flatnonzero(data.true == 1)[:5], None)


@pytest.fixture
def tables(data):
    embeddings = data.tables()["embeddings"]
    judged = joint.run({"embeddings": embeddings}, joint.JointParams())
    return {"embeddings": embeddings, "issues": judged.tables["issues"]}


def candidates(tables, **options) -> pa.Table:
    provenances = {"issues": Provenance("issues", 1, "0", class_names=NAMES)}
    output = run(tables, CandidatesParams(device="cpu", **options), provenances=provenances)
    assert output.class_names == NAMES
    assert output.results["certain"] == sum(output.tables["candidates"]["is_certain"].to_pylist())
    return conform(output.tables["candidates"], CANDIDATES, "test")


def test_weights_are_sorted_and_sum_to_one(tables, data):
    for row in candidates(tables).to_pylist():
        weights = row["candidate_weights"]
        assert sum(weights) == pytest.approx(1)
        assert weights == sorted(weights, reverse=True)
        assert min(weights) > 0
        assert len(set(row["candidate_labels"])) == len(weights)
        assert row["is_certain"] == (len(weights) == 1)
        assert len(row["neighbor_ids"]) == len(row["neighbor_similarities"]) == 10
        assert row["id"] not in row["neighbor_ids"]


def test_the_true_label_is_the_first_candidate_of_wrong_and_unlabelled_rows(tables, data):
    first = [row[0] for row in candidates(tables)["candidate_labels"].to_pylist()]
    hard = data.wrong | np.array([label is None for label in data.given])
    right = [first[i] == NAMES[data.true[i]] for i in np.flatnonzero(hard)]
    assert np.mean(right) > 0.9


def test_neighbours_are_those_of_their_ids(tables, data):
    table = candidates(tables, n_neighbors=3)
    for i, row in enumerate(table.to_pylist()[:20]):
        near = [int(key[1:]) for key in row["neighbor_ids"]]
        assert all(data.given[j] is not None for j in near)
        np.testing.assert_allclose(
            row["neighbor_similarities"], data.embeddings[near] @ data.embeddings[i], atol=1e-5
        )
        assert row["neighbor_similarities"] == sorted(row["neighbor_similarities"], reverse=True)


def test_rows_are_joined_by_id_not_by_place(tables):
    order = np.random.default_rng(0).permutation(tables["issues"].num_rows)
    shuffled = tables | {"issues": tables["issues"].take(pa.array(order))}
    assert candidates(shuffled).equals(candidates(tables))


def test_own_probabilities_bring_no_groups(tables):
    issues = tables["issues"]
    column = issues.column_names.index("duplicate_group")
    without = issues.set_column(column, "duplicate_group", pa.nulls(issues.num_rows, pa.int64()))
    assert candidates(tables | {"issues": without}).equals(candidates(tables))  # no copies here


@pytest.mark.parametrize("change", ["fewer", "more", "other"])
def test_issues_of_other_rows_are_refused(tables, change):
    issues = tables["issues"]
    if change == "fewer":
        issues = issues.slice(3)
    elif change == "more":
        tables = tables | {"embeddings": tables["embeddings"].slice(3)}
    else:
        ids = [f"other {i}" for i in range(issues.num_rows)]
        issues = issues.set_column(0, "id", pa.array(ids))
    with pytest.raises(DataError, match="not of the same rows"):
        candidates(tables | {"issues": issues})


def test_options_out_of_range():
    with pytest.raises(UsageError, match="--n-neighbors is 0"):
        CandidatesParams(n_neighbors=0)
