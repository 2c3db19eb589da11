"""Distances between classes in an order, against sums written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisefix.probing.ordinal import (
    RARER,
    distance_shares,
    expected_distance,
    median_labels,
    with_steps,
)

PLACES = np.array([2, 0, 1])  # ids 1, 2, 0 from one end to the other
PROBS = np.array([[0.1, 0.2, 0.7], [0.6, 0.4, 0.0], [1.0, 0.0, 0.0]], dtype=np.float32)
GIVEN = np.array([0, 1, -1])


def test_the_distance_is_the_mean_number_of_steps():
    found = expected_distance(PROBS, GIVEN, PLACES)
    assert found[:2] == pytest.approx([0.2 * 2 + 0.7 * 1, 0.6 * 2])
    assert np.isnan(found[2])


def test_the_median_halves_the_probability():
    assert median_labels(PROBS, PLACES).tolist() == [2, 0, 0]
    assert median_labels(np.array([[0.5, 0.5, 0.0]]), PLACES).tolist() == [1]  # of two the lower


def test_the_shares_are_those_of_the_labelled_rows():
    found = distance_shares(PROBS, GIVEN, PLACES)
    assert found == pytest.approx([(0.1 + 0.4) / 2, 0.7 / 2, (0.2 + 0.6) / 2])


def test_far_errors_are_rarer_and_the_given_label_stays():
    found = with_steps(PROBS, GIVEN, PLACES)
    near, far = 0.7, 0.2 / 2**RARER  # class 2 lies next to class 0, class 1 at the other end
    assert found[0] == pytest.approx([0.1, 0.9 * far / (near + far), 0.9 * near / (near + far)])
    assert found[1] == pytest.approx([0.6, 0.4, 0.0])
    assert found[2] == pytest.approx(PROBS[2])
    certain = np.array([[1.0, 0.0, 0.0]])
    assert with_steps(certain, np.array([0]), PLACES) == pytest.approx(certain)
    assert with_steps(certain, np.array([1]), PLACES) == pytest.approx(certain)


@settings(deadline=None)
@given(st.integers(2, 6), st.integers(0, 10_000))
def test_no_class_is_nearer_to_the_truth_than_the_median(n_classes, seed):
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.ones(n_classes), size=5)
    places = rng.permutation(n_classes)
    medians = median_labels(probs, places)
    cost = np.stack(
        [expected_distance(probs, np.full(5, k), places) for k in range(n_classes)], axis=1
    )
    assert cost[np.arange(5), medians] == pytest.approx(cost.min(axis=1))
    reversed_order = n_classes - 1 - places
    assert expected_distance(probs, medians, reversed_order) == pytest.approx(cost.min(axis=1))
    given_labels = rng.integers(0, n_classes, 5)
    shares = distance_shares(probs, given_labels, places)
    steps = np.arange(len(shares)) @ shares
    assert steps == pytest.approx(expected_distance(probs, given_labels, places).mean())
