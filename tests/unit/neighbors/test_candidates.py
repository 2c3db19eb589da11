"""SiDyP retrieval: the pool follows the errors; one, two or all plausible labels."""

import numpy as np
import pytest

from noisefix.errors import DataError
from noisefix.neighbors.candidates import candidate_weights, clean_pool, retrieve_candidates


def test_pool_holds_as_many_rows_of_a_class_as_are_expected_right():
    labels = np.array([0] * 10 + [1] * 10)
    p_error = np.concatenate([np.linspace(0, 0.8, 10), np.full(10, 0.1)])  # 6 and 9
    pool = clean_pool(labels, p_error)
    assert np.flatnonzero(pool).tolist() == [*range(6), *range(10, 19)]


def test_pool_keeps_the_best_row_of_a_class_unless_it_is_hopeless():
    labels = np.array([0, 0, 1, 1, 2, -1])
    p_error = np.array([0.8, 0.85, 0.95, 0.99, 0.7, np.nan])
    assert np.flatnonzero(clean_pool(labels, p_error)).tolist() == [0, 4]


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.1])
def test_pool_wants_probabilities(bad):
    with pytest.raises(DataError, match="p_error"):
        clean_pool(np.array([0, 1]), np.array([0.1, bad]))


@pytest.mark.parametrize(
    ("probs", "weights", "certain"),
    [
        ([0.95, 0.05, 0.0], [1, 0, 0], True),
        ([0.9, 0.1, 0.0], [1, 0, 0], True),
        ([0.1, 0.3, 0.6], [0, 1 / 3, 2 / 3], False),
        ([0.5, 0.3, 0.2], [0.625, 0.375, 0], False),
        ([0.4, 0.3, 0.3], [0.4, 0.3, 0.3], False),
        ([0.45, 0.0, 0.55], [0.45, 0, 0.55], False),
        ([0.0, 1.0, 0.0], [0, 1, 0], True),
    ],
)
def test_thresholds_choose_one_two_or_all(probs, weights, certain):
    result, is_certain = candidate_weights(np.array([probs]), 0.9, 0.8)
    np.testing.assert_allclose(result, [weights])
    assert is_certain.tolist() == [certain]


def test_nine_of_ten_equal_votes_are_certain_despite_rounding():
    votes = np.bincount([0] * 9 + [1], weights=np.full(10, 0.1))
    assert candidate_weights(votes[None])[1].all()


def blobs(n_rows=300, n_classes=3, seed=0, spread=0.25):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n_rows)
    rows = np.eye(n_classes, 12)[labels] + spread * rng.normal(size=(n_rows, 12))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), labels


def test_wrong_rows_get_the_right_candidate_and_do_not_vote():
    embeddings, true = blobs()
    given = true.copy()
    wrong = np.arange(0, 300, 6)
    given[wrong] = (given[wrong] + 1) % 3
    p_error = np.where(np.isin(np.arange(300), wrong), 0.95, 0.05)
    found = retrieve_candidates(embeddings, given, p_error, np.arange(300), 4)
    np.testing.assert_allclose(found.weights.sum(axis=1), 1)
    np.testing.assert_allclose(found.probs.sum(axis=1), 1)
    assert (found.weights[:, 3] == 0).all()  # a class nobody was given
    assert (found.weights.argmax(axis=1) == true).mean() > 0.97
    assert np.isin(found.neighbors.indices, np.flatnonzero(clean_pool(given, p_error))).all()
    assert (found.neighbors.indices != np.arange(300)[:, None]).all()


def test_copies_do_not_vouch_for_each_other():
    embeddings, labels = blobs()
    copies = np.arange(40)
    embeddings[copies] = embeddings[0]
    given = labels.copy()
    given[copies] = (labels[0] + 1) % 3  # all copies share one wrong label
    groups = np.arange(300)
    groups[copies] = 0
    found = retrieve_candidates(embeddings, given, np.full(300, 0.1), groups, 3)
    assert found.weights[0].argmax() == labels[0]
    assert not np.isin(found.neighbors.indices[copies], copies).any()


def test_unlabelled_rows_get_candidates_and_empty_pools_give_shares():
    embeddings, labels = blobs(30)
    given = labels.copy()
    given[:5] = -1
    found = retrieve_candidates(embeddings, given, np.full(30, 0.2), np.arange(30), 3)
    assert (found.weights[:5].argmax(axis=1) == labels[:5]).all()
    nothing = np.full(30, -1)
    found = retrieve_candidates(embeddings, nothing, np.full(30, np.nan), np.arange(30), 3)
    np.testing.assert_allclose(found.weights, 1 / 3)
    one_group = retrieve_candidates(embeddings, labels, np.full(30, 0.2), np.zeros(30), 3)
    assert (one_group.neighbors.indices == -1).all()
    np.testing.assert_allclose(one_group.probs, one_group.probs[:1].repeat(30, axis=0))
    np.testing.assert_allclose(one_group.probs.sum(axis=1), 1)
