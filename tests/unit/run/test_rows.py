import numpy as np
import pyarrow.parquet as pq
import pytest

from noisefix.errors import DataError
from noisefix.run.folder import RunFolder
from noisefix.run.rows import RunRows, read_run_rows


def test_a_run_folder_as_arrays(relabel_run):
    rows = read_run_rows(relabel_run)
    issues = pq.read_table(relabel_run.issues)
    assert rows.ids == issues["id"].to_pylist()
    assert rows.texts == issues["text"].to_pylist()
    assert len(rows) == 60
    assert rows.class_names == ("account", "refund", "shipping")
    named = [rows.class_names[k] for k in rows.given_labels]
    assert named == issues["given_label"].to_pylist()
    np.testing.assert_allclose(rows.true_label_probs.sum(axis=1), 1, atol=1e-4)
    assert rows.embeddings.shape[0] == rows.pred_probs.shape[0] == 60
    assert set(rows.digests) == {"issues", "candidates", "embeddings"}
    assert "noise_rate" in rows.results


def test_rows_in_no_group_are_alone(relabel_run):
    rows = read_run_rows(relabel_run)
    numbers = pq.read_table(relabel_run.issues)["duplicate_group"].to_pylist()
    alone = [i for i, number in enumerate(numbers) if number is None]
    sizes = np.unique(rows.groups, return_inverse=True, return_counts=True)
    assert (sizes[2][sizes[1][alone]] == 1).all()
    together = [i for i, number in enumerate(numbers) if number is not None]
    assert rows.groups[together].tolist() == [numbers[i] for i in together]


def test_tables_of_other_rows_are_refused(relabel_run):
    table = pq.read_table(relabel_run.candidates)
    pq.write_table(table.slice(1), relabel_run.candidates)
    with pytest.raises(DataError, match=r"candidates\.parquet"):
        read_run_rows(RunFolder.open(relabel_run.path))


def test_the_pool_is_candidates_best_two_and_the_given_label(make_rows):
    rows: RunRows = make_rows(
        given=[3, -1],
        probs=[[0.5, 0.3, 0.15, 0.03, 0.02], [0.1, 0.2, 0.3, 0.4, 0.0]],
        candidates=[[2], []],
    )
    assert rows.label_pool(0) == [0, 1, 2, 3]
    assert rows.label_pool(1) == [3, 2]
    assert rows.label_pool(0, everything=True) == [0, 1, 2, 3, 4]
