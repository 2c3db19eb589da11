"""Votes: by distance, never by the row itself or its copies, smooth where evidence is thin."""

import numpy as np
import pytest

from noisefix.neighbors.search import Neighbors, nearest
from noisefix.neighbors.votes import knn_probs, labelled_neighbors, vote


def unit(n_rows, n_features=8, seed=0):
    rows = np.random.default_rng(seed).normal(size=(n_rows, n_features))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_vote_weighs_by_inverse_distance_and_keeps_absent_classes():
    similarities = np.array([[0.98, 0.92, 0.5]], dtype=np.float32)
    neighbors = Neighbors(np.array([[2, 0, 1]]), similarities)
    probs = vote(neighbors, np.array([1, 1, 3]), 5)
    weights = 1 / np.sqrt(2 - 2 * similarities[0].astype(float))
    assert probs.shape == (1, 5)
    assert probs[0, 3] == pytest.approx(weights[0] / weights.sum(), rel=1e-5)
    assert probs[0, 1] == pytest.approx(weights[1:].sum() / weights.sum(), rel=1e-5)
    assert probs[0, [0, 2, 4]].tolist() == [0, 0, 0]


def test_an_identical_neighbour_does_not_outvote_many_near_ones():
    similarities = np.array([[1.0] + [0.99] * 9], dtype=np.float32)
    probs = vote(Neighbors(np.arange(10)[None], similarities), np.array([0] + [1] * 9), 2)
    assert probs[0].argmax() == 1


def test_padding_does_not_vote():
    neighbors = Neighbors(np.array([[0, -1], [-1, -1]]), np.array([[0.5, 0], [0, 0]], np.float32))
    probs = vote(neighbors, np.array([2]), 3)
    assert probs.tolist() == [[0, 0, 1], [0, 0, 0]]


def test_labelled_neighbors_leave_out_copies_and_unlabelled_rows():
    embeddings = unit(200)
    embeddings[:40] = embeddings[0]
    groups = np.arange(200)
    groups[:40] = 0
    labels = np.zeros(200, dtype=np.int64)
    labels[100:150] = -1
    direct = labelled_neighbors(embeddings, labels, groups, 6)
    assert direct.indices.shape == (200, 6)
    assert (labels[direct.indices] >= 0).all()
    assert (groups[direct.indices] != groups[:, None]).all()
    known = nearest(embeddings, embeddings, 10, exclude=np.arange(200))
    reused = labelled_neighbors(embeddings, labels, groups, 6, neighbors=known)
    np.testing.assert_array_equal(direct.indices, reused.indices)
    np.testing.assert_array_equal(direct.similarities, reused.similarities)


@pytest.mark.parametrize("labels", [[-1, -1, -1], [0, -1, -1], [0, 1, 2]])
def test_labelled_neighbors_of_tiny_inputs(labels):
    found = labelled_neighbors(unit(3), np.array(labels), np.arange(3), 4)
    assert (found.indices[:, -1] == -1).all()
    n_labelled = sum(label >= 0 for label in labels)
    expected = [n_labelled - (label >= 0) for label in labels]
    assert (found.indices >= 0).sum(axis=1).tolist() == expected


def test_knn_probs_count_close_neighbours_more_and_never_exclude_a_class():
    neighbors = Neighbors(np.array([[0, 1], [-1, -1]]), np.array([[0.9, 0.6], [0, 0]], np.float32))
    labels = np.array([0, 1, 1, -1])
    probs = knn_probs(neighbors, labels, 3, temperature=0.15, prior_weight=1.0)
    prior = np.array([1.5, 2.5, 0.5]) / 4.5
    weights = np.array([1, np.exp(-0.3 / 0.15), 0]) + prior
    np.testing.assert_allclose(probs[0], weights / weights.sum(), rtol=1e-5)
    np.testing.assert_allclose(probs[1], prior, rtol=1e-6)
    assert probs.dtype == np.float32


def test_a_rows_own_label_does_not_reach_its_vote():
    embeddings, groups = unit(100), np.arange(100)
    labels = np.random.default_rng(1).integers(0, 3, 100)
    probs = knn_probs(labelled_neighbors(embeddings, labels, groups, 8), labels, 3)
    changed = labels.copy()
    changed[5] = (changed[5] + 1) % 3
    again = knn_probs(labelled_neighbors(embeddings, changed, groups, 8), changed, 3)
    np.testing.assert_allclose(again[5], probs[5], atol=0.01)  # the class shares move by 1 / N
