"""The candidates stage: joined by id, and made of clean neighbours."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisefix import vectors
from noisefix.detection import candidates_shards
from noisefix.detection import joint_stage as joint
from noisefix.detection.candidates_stage import CandidatesParams, find_candidates, run
from noisefix.detection.search_recall import recall_warnings
from noisefix.errors import DataError, UsageError
from noisefix.executors import IN_TURN
from noisefix.neighbors import search
from noisefix.run import vector_columns
from noisefix.run.checks import conform
from noisefix.run.parquet import read_provenance, write_table
from noisefix.run.provenance import Provenance
from noisefix.run.schemas import CANDIDATES, EMBEDDINGS, ISSUES
from noisefix.run.stage import record

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


@pytest.fixture
def files(tables, tmp_path):
    """Return where embeddings, issues and candidates of a run lie."""
    paths = {name: tmp_path / f"{name}.parquet" for name in ("embeddings", "issues", "candidates")}
    for name, schema in (("embeddings", EMBEDDINGS), ("issues", ISSUES)):
        about = Provenance(schema.name, schema.version, "0", class_names=NAMES)
        write_table(tables[name], paths[name], schema, about)
    return paths


@pytest.fixture
def in_small_shards(files, monkeypatch):
    """Make the table in shards of 20 rows each, which are read from a file."""
    monkeypatch.setattr(vectors, "GRAIN", 10)
    monkeypatch.setattr(vector_columns, "IN_MEMORY_ROWS", 0)

    def make(shard_rows=20, executor=IN_TURN, **options):
        return find_candidates(
            *files.values(),
            CandidatesParams(device="cpu"),
            shard_rows=shard_rows,
            executor=executor,
            **options,
        )

    return make


class Backwards:
    """Works off the last task first, in threads, with what it was given copied as by pickle."""

    n_workers = 3
    is_here = False

    def map(self, function, tasks, *, on_gpu=False):
        assert not on_gpu
        function = pickle.loads(pickle.dumps(function))
        with ThreadPoolExecutor(3) as pool:
            done = [pool.submit(function, task) for task in reversed(list(tasks))]
        return iter([task.result() for task in reversed(done)])


def test_shards_and_workers_do_not_change_a_byte(files, in_small_shards):
    in_small_shards(1000)
    whole = files["candidates"].read_bytes()
    steps = []
    report = in_small_shards(20, force=True, progress=steps.append)
    assert files["candidates"].read_bytes() == whole
    assert [step.done for step in steps] == [20, 40, 60, 80, 100, 120, 140, 150]
    assert report.results == {"certain": report.results["certain"]}  # exact: nothing to measure
    in_small_shards(50, Backwards(), force=True)
    assert files["candidates"].read_bytes() == whole
    left = {path.name for path in files["candidates"].parent.iterdir()}
    assert left == {path.name for path in files.values()}


def test_a_killed_run_goes_on_from_the_shards_that_are_whole(files, in_small_shards, monkeypatch):
    in_small_shards(1000)
    whole = files["candidates"].read_bytes()
    files["candidates"].unlink()

    def killed(step):
        if step.done == 60:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_small_shards(20, progress=killed)
    assert not files["candidates"].exists()
    parts = files["candidates"].with_suffix(".parts")
    made = sorted(parts.iterdir())
    assert len(made) == 3
    made[1].write_bytes(made[1].read_bytes()[:100])
    (parts / "shard-0123456789abcdef-000000000000.parquet").write_bytes(b"of another table")
    asked = []
    table = candidates_shards.ShardWork.table

    def counted(work, first, last):
        asked.append(first)
        return table(work, first, last)

    monkeypatch.setattr(candidates_shards.ShardWork, "table", counted)
    in_small_shards(20)
    assert asked == [20, 60, 80, 100, 120, 140]
    assert files["candidates"].read_bytes() == whole
    assert not parts.exists()


def test_shards_of_other_options_are_not_taken(files, in_small_shards):
    def killed(step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_small_shards(20, progress=killed)
    find_candidates(*files.values(), CandidatesParams(n_neighbors=3, device="cpu"), shard_rows=20)
    near = pq.read_table(files["candidates"])["neighbor_ids"].to_pylist()
    assert {len(ids) for ids in near} == {3}


def test_recall_is_among_the_results_and_a_low_one_is_told(files, in_small_shards, monkeypatch):
    monkeypatch.setattr(search, "EXACT_PAIRS", 0)
    monkeypatch.setattr(search, "_CELL_ROWS", 10)
    report = in_small_shards(50)
    recall = report.results["neighbor_recall"]
    assert 0.5 < recall <= 1
    assert read_provenance(files["candidates"]).results["neighbor_recall"] == recall
    low = replace(report, results={"neighbor_recall": 0.9})
    assert recall_warnings(replace(report, results={})) == ()
    (warning,) = recall_warnings(low)
    assert "candidates: only 90.0% of the nearest rows" in warning
    assert recall_warnings(replace(report, results={"neighbor_recall": 0.95})) == ()


def test_recall_is_recorded_in_run_json(make_run, verdict, in_small_shards):
    folder = make_run("text,label\nx,a\ny,b\n", [verdict("a", "a", 0.9), verdict("b", "b", 0.9)])
    report = in_small_shards(50)
    record(folder.path, report)
    assert "neighbor_recall" not in folder.read()["stages"]["candidates"]
    record(folder.path, replace(report, results={"neighbor_recall": 0.97}))
    assert folder.read()["stages"]["candidates"]["neighbor_recall"] == 0.97
