from __future__ import annotations

import numpy as np
import pytest

from noisefix.errors import DataError, UsageError
from noisefix.training.noise_injection import (
    check_transition,
    flip_by_instance,
    flip_by_matrix,
    transition_matrix,
)

TRUE = np.random.default_rng(0).integers(4, size=20_000)


def confusion(given, true, k=4):
    counts = np.zeros((k, k))
    np.add.at(counts, (true, given), 1)
    return counts / counts.sum(axis=1, keepdims=True)


def test_symmetric_noise_falls_on_all_others_alike():
    matrix = transition_matrix("symmetric", 4, 0.3)
    assert matrix[0].tolist() == pytest.approx([0.7, 0.1, 0.1, 0.1])
    np.testing.assert_allclose(confusion(flip_by_matrix(TRUE, matrix, 1), TRUE), matrix, atol=0.02)


def test_pair_noise_falls_on_the_next_class():
    matrix = transition_matrix("pair", 3, 0.4)
    np.testing.assert_allclose(matrix, [[0.6, 0.4, 0], [0, 0.6, 0.4], [0.4, 0, 0.6]])
    labels = TRUE % 3
    found = confusion(flip_by_matrix(labels, matrix, 1), labels, 3)
    np.testing.assert_allclose(found, matrix, atol=0.02)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_no_noise_and_nothing_but_noise(rate):
    given = flip_by_matrix(TRUE, transition_matrix("symmetric", 4, rate), 0)
    assert (given != TRUE).mean() == rate


def test_unlabelled_rows_stay_unlabelled_and_seeds_matter():
    true = TRUE[:500].copy()
    true[:7] = -1
    matrix = transition_matrix("symmetric", 4, 0.5)
    first, again, other = (flip_by_matrix(true, matrix, s) for s in (1, 1, 2))
    assert (first[:7] == -1).all()
    assert (first == again).all()
    assert (first != other).any()


def test_instance_noise_hits_rows_that_lie_near_another_class():
    rng = np.random.default_rng(0)
    true = rng.integers(3, size=3000)
    features = np.eye(3)[true] + 0.3 * rng.normal(size=(3000, 3))
    given = flip_by_instance(features, true, 3, 0.25, 0)
    wrong = given != true
    assert wrong.mean() == pytest.approx(0.25, abs=0.02)
    own = features[np.arange(3000), true]
    others = np.where(np.eye(3)[true] == 1, -np.inf, features)
    assert (others.max(1) - own)[wrong].mean() > (others.max(1) - own)[~wrong].mean() + 0.3
    assert (given[wrong] == others.argmax(axis=1)[wrong]).mean() > 0.95


def test_bad_rates_matrices_and_single_classes():
    with pytest.raises(UsageError, match=r"--rate is 1\.5"):
        transition_matrix("pair", 3, 1.5)
    with pytest.raises(DataError, match="one class only"):
        transition_matrix("symmetric", 1, 0.2)
    with pytest.raises(DataError, match="one class only"):
        flip_by_instance(np.ones((3, 2)), np.zeros(3, np.int64), 2, 0.2, 0)
    with pytest.raises(DataError, match="distributions"):
        check_transition(np.full((2, 2), 0.6), 2)
    with pytest.raises(DataError, match="2 classes"):
        check_transition(np.eye(3), 2)
