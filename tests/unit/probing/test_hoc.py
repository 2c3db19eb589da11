"""HOC: shares and noise matrix come back out of the frequencies that they make."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisefix.neighbors.search import Neighbors
from noisefix.probing.hoc import (
    LEAST_TRIPLES,
    MOST_CLASSES,
    HigherOrderConsensus,
    fit_hoc,
    label_triples,
    second_opinion,
)


def truth(n_classes: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return shares (K,) and a noise matrix (K, K) that is right more often than not."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(n_classes, 3.0)) / 2 + 0.5 / n_classes
    flips = rng.dirichlet(np.ones(n_classes), size=n_classes)
    return shares, (1 - noise) * np.eye(n_classes) + noise * flips


def frequencies(shares: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return every triple of labels (K^3, 3), and how often it occurs."""
    cells = np.indices((len(shares),) * 3).reshape(3, -1).T
    return cells, np.einsum("k,ki,kj,kl->ijl", shares, matrix, matrix, matrix).ravel()


def apart(found: HigherOrderConsensus, shares: np.ndarray, matrix: np.ndarray) -> float:
    return max(
        float(np.abs(found.shares - shares).max()),
        float(np.abs(found.transition_matrix - matrix).max()),
    )


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 6), st.floats(0.0, 0.45), st.integers(0, 1000))
def test_exact_frequencies_give_back_shares_and_matrix(n_classes, noise, seed):
    shares, matrix = truth(n_classes, noise, seed)
    triples, weights = frequencies(shares, matrix)
    found = fit_hoc(triples, n_classes, weights)
    assert apart(found, shares, matrix) < 1e-3
    assert found.noise_rate == pytest.approx(shares @ (1 - np.diag(matrix)), abs=1e-3)
    assert found.shares.sum() == pytest.approx(1)
    np.testing.assert_allclose(found.transition_matrix.sum(axis=1), 1)


@settings(deadline=None, max_examples=10)
@given(st.permutations(range(4)), st.integers(0, 1000))
def test_permuted_classes_permute_the_result(order, seed):
    triples, weights = frequencies(*truth(4, 0.3, seed))
    plain, place = fit_hoc(triples, 4, weights), np.array(order)
    moved = fit_hoc(place[triples], 4, weights)
    assert np.abs(moved.shares[place] - plain.shares).max() < 1e-3
    assert np.abs(moved.transition_matrix[np.ix_(place, place)] - plain.transition_matrix).max() < (
        2e-3
    )


def test_without_noise_the_matrix_is_the_identity():
    triples = np.repeat(np.array([0, 0, 0, 1, 1, 2])[:, None], 3, axis=1)
    found = fit_hoc(triples, 3)
    assert apart(found, np.array([3, 2, 1]) / 6, np.eye(3)) < 1e-3
    assert found.noise_rate == pytest.approx(0, abs=1e-3)
    assert found.n_triples == 6


def test_ten_classes_and_a_class_that_never_occurs():
    shares, matrix = truth(10, 0.4, 0)
    triples, weights = frequencies(shares, matrix)
    assert apart(fit_hoc(triples, 10, weights), shares, matrix) < 1e-3
    absent = fit_hoc(triples, 11, weights)
    assert absent.shares[10] == pytest.approx(0, abs=1e-3)
    assert np.abs(absent.shares[:10] - shares).max() < 1e-3


def test_the_gradient_is_that_of_the_loss():
    from scipy.optimize import approx_fprime

    from noisefix.probing.hoc import _Counts

    rng = np.random.default_rng(0)
    counts = _Counts.of(rng.integers(0, 4, (500, 3)), 4, rng.random(500))
    point = rng.random(20) + 0.1
    numeric = approx_fprime(point, lambda x: counts.loss(x)[0], 1e-7)
    np.testing.assert_allclose(counts.loss(point)[1], numeric, atol=1e-5)


def test_the_loss_is_the_distance_of_the_full_tables():
    from noisefix.probing.hoc import _Counts, _unpack

    rng = np.random.default_rng(1)
    triples, point = rng.integers(0, 3, (200, 3)), rng.random(12) + 0.1
    p, t = _unpack(point, 3)
    counted = np.zeros((3, 3, 3))
    for labels in triples:
        for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
            counted[tuple(labels[list(order)])] += 1 / 1200
    first = np.bincount(triples[:, 0], minlength=3) / 200
    pairs = np.zeros((3, 3))
    for i, j, k in triples:
        for a, b in ((i, j), (j, i), (i, k), (k, i)):
            pairs[a, b] += 1 / 800
    made = (p @ t, np.einsum("k,ki,kj->ij", p, t, t), np.einsum("k,ki,kj,kl->ijl", p, t, t, t))
    tables = (first, pairs, counted)
    expected = sum(((a - b) ** 2).sum() / (b**2).sum() for a, b in zip(made, tables, strict=True))
    assert _Counts.of(triples, 3, None).loss(point)[0] == pytest.approx(expected)


def neighbors(indices: list[list[int]]) -> Neighbors:
    return Neighbors(np.array(indices), np.zeros((len(indices), len(indices[0])), np.float32))


def test_triples_are_of_three_different_texts_and_leave_unlabelled_rows_out():
    labels = np.array([0, 1, 0, 1, -1])
    near = neighbors([[1, 2, 3], [4, 2, 3], [1, -1, -1], [0, 1, 2], [0, 1, 2]])
    groups = np.array([0, 1, 1, 3, 4])  # rows 1 and 2 are copies
    found = label_triples(labels, near, groups, np.arange(5))
    # 0: its nearest is 1, 2 is a copy of that, so 3; 1: 4 has no label; 2: too few; 4: no label.
    assert found.tolist() == [[0, 1, 1], [1, 0, 1], [1, 0, 1]]
    assert label_triples(labels, near, groups, np.array([2, 3])).tolist() == [[1, 0, 1]]


def made_data(n_rows: int, noise: float, seed: int = 0) -> tuple[np.ndarray, Neighbors, np.ndarray]:
    """Rows whose neighbours are rows of the same true class."""
    rng = np.random.default_rng(seed)
    true = np.sort(rng.integers(0, 3, n_rows))
    given_labels = np.where(rng.random(n_rows) < noise, rng.integers(0, 3, n_rows), true)
    near = np.stack([rng.permuted(np.flatnonzero(true == k))[:5] for k in true])
    near[near == np.arange(n_rows)[:, None]] = -1
    return given_labels, Neighbors(near, np.zeros(near.shape, np.float32)), np.arange(n_rows)


def test_the_noise_rate_of_labels_whose_neighbours_are_alike():
    given_labels, near, groups = made_data(3000, 0.3)
    found = second_opinion(given_labels, near, groups, 3)
    assert isinstance(found, HigherOrderConsensus)
    assert found.noise_rate == pytest.approx(0.2, abs=0.03)
    again = second_opinion(given_labels, near, groups, 3)
    assert isinstance(again, HigherOrderConsensus)
    np.testing.assert_array_equal(found.transition_matrix, again.transition_matrix)


def test_where_it_would_tell_nothing_it_says_why():
    given_labels, near, groups = made_data(3000, 1.0)
    assert "by chance" in str(second_opinion(given_labels, near, groups, 3))
    assert "more than 100" in str(second_opinion(given_labels, near, groups, MOST_CLASSES + 1))
    given_labels, near, groups = made_data(LEAST_TRIPLES - 1, 0.1)
    assert "fewer than 100 rows" in str(second_opinion(given_labels, near, groups, 3))
    alike = np.zeros(3000, dtype=np.int64)
    assert "by chance" in str(second_opinion(alike, *made_data(3000, 0.1)[1:], 2))
