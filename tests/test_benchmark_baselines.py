"""The baselines that noisefix is compared with: they find what was put in."""

from __future__ import annotations

import numpy as np
import pytest

N_CLASSES = 3


@pytest.fixture
def baselines(load_benchmark):
    return load_benchmark("baselines")


@pytest.fixture
def votes():
    """Four columns on 3,000 rows: two good, one that swaps two classes, one at random."""
    rng = np.random.default_rng(0)
    true = rng.choice(N_CLASSES, size=3_000, p=[0.5, 0.3, 0.2])
    good = np.full((N_CLASSES, N_CLASSES), 0.1) + 0.7 * np.eye(N_CLASSES)
    swapped = good[:, [1, 0, 2]]
    guess = np.full((N_CLASSES, N_CLASSES), 1 / N_CLASSES)
    columns = [
        (rng.random((len(true), 1)) > matrix[true].cumsum(axis=1)[:, :-1]).sum(axis=1)
        for matrix in (good, good, swapped, guess)
    ]
    return true, np.column_stack(columns)


@pytest.fixture
def blobs():
    """Three separate clouds on the unit sphere with one wrong label, row 7."""
    rng = np.random.default_rng(1)
    true = rng.integers(0, N_CLASSES, 90)
    vectors = np.eye(N_CLASSES, 8)[true] + 0.1 * rng.standard_normal((90, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = true.copy()
    labels[7] = (labels[7] + 1) % N_CLASSES
    return vectors.astype(np.float32), labels


def test_dawid_skene_recovers_the_confusions(baselines, votes):
    true, columns = votes
    posterior = baselines.dawid_skene(columns, N_CLASSES)
    assert posterior.sum(axis=1) == pytest.approx(np.ones(len(true)))
    confusions = [
        np.array([posterior[columns[:, v] == said].sum(axis=0) for said in range(N_CLASSES)]).T
        / posterior.sum(axis=0)[:, None]
        for v in range(columns.shape[1])
    ]
    assert confusions[0][np.arange(3), [0, 1, 2]] == pytest.approx(np.full(3, 0.8), abs=0.06)
    assert confusions[2][np.arange(3), [1, 0, 2]] == pytest.approx(np.full(3, 0.8), abs=0.06)
    assert confusions[3] == pytest.approx(np.full((3, 3), 1 / 3), abs=0.06)
    right = (posterior.argmax(axis=1) == true).mean()
    assert right > (baselines.majority(columns, N_CLASSES) == true).mean() + 0.05


def test_dawid_skene_takes_missing_votes_for_nothing(baselines, votes):
    true, columns = votes
    silent = np.full((len(true), 1), baselines.NO_VOTE)
    more = np.hstack([columns, silent])
    assert baselines.dawid_skene(more, N_CLASSES) == pytest.approx(
        baselines.dawid_skene(columns, N_CLASSES)
    )


def test_majority_breaks_ties_by_the_first_column(baselines):
    votes = np.array([[1, 0, -1], [0, 1, 1], [-1, 2, 0], [-1, -1, -1]])
    assert baselines.majority(votes, 3).tolist() == [1, 1, 2, baselines.NO_VOTE]


def test_crowdlab_is_above_the_best_column(baselines, votes):
    true, columns = votes
    rows = slice(300)
    vectors = np.eye(N_CLASSES, 8)[true[rows]] + np.random.default_rng(0).normal(0, 0.3, (300, 8))
    labels = baselines.crowdlab(columns[rows], N_CLASSES, vectors)
    assert (labels == true[rows]).mean() > (columns[rows] == true[rows, None]).mean(axis=0).max()


@pytest.mark.parametrize("way", ["simifeat", "datalab", "plain"])
def test_a_planted_error_ranks_first_and_is_flagged(baselines, blobs, way):
    vectors, labels = blobs
    more = [np.arange(len(labels))] if way == "simifeat" else []
    verdict = getattr(baselines, way)(vectors, labels, *more)
    assert verdict.p_error.argmax() == 7
    assert np.flatnonzero(verdict.is_issue).tolist() == [7]
    assert verdict.noise_rate < 0.05


def test_simifeat_does_not_let_copies_vote(baselines, blobs):
    vectors, labels = blobs
    copies = np.concatenate([vectors, np.repeat(vectors[7:8], 20, axis=0)])
    given = np.concatenate([labels, np.full(20, labels[7])])
    groups = np.concatenate([np.arange(len(labels)), np.full(20, 7)])
    verdict = baselines.simifeat(copies, given, groups)
    assert verdict.is_issue[7]
    assert verdict.p_error[7] == pytest.approx(1)
    assert not baselines.simifeat(copies, given, np.arange(len(given))).is_issue[7]


def test_bootstrap_interval_covers_the_mean(load_benchmark):
    mean_interval = load_benchmark("report").mean_interval
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        low, high = mean_interval(rng.normal(0.1, 1, 25).tolist(), n_draws=400)
        assert low < high
        hits += low <= 0.1 <= high
    assert 0.82 <= hits / 200 <= 0.96
    assert mean_interval([0.5, None, float("nan")]) == (0.5, 0.5)
    assert np.isnan(mean_interval([])).all()


def test_columns_are_combined_and_asked(load_benchmark, monkeypatch):
    columns = load_benchmark("relabel_columns")
    found = {"given": 0.5, "columns": 2, "alone": {"a": 0.6, "b": 0.4}}
    found |= dict.fromkeys(columns.WAYS, 0.7) | {"crowdlab": 0.45}
    sets = [{"name": "mails", "columns": found}, {"name": "calls", "columns": None}]
    (table,) = columns.tables(sets)
    assert table.rows[0] == ("mails (2)", ".500", ".600", ".700", ".700", ".450", ".700", ".700")
    assert table.rows[-1][5] == "-5.00"
    assert columns.tables(sets[1:]) == []
