"""Forward-backward against all paths counted one by one."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from noisefix.probing.hidden_chain import NO_PLACE, Sequences, messages, transitions


def by_hand(emissions, shares, transition):
    """Return the prior of each row given the others, and how often what follows what."""
    n_rows, n_classes = emissions.shape
    priors = np.zeros((n_rows, n_classes))
    followed, total = np.zeros((n_classes, n_classes)), 0.0
    for path in product(range(n_classes), repeat=n_rows):
        weight = shares[path[0]]
        for before, after in pairwise(path):
            weight *= transition[before, after]
        seen = [emissions[row, k] for row, k in enumerate(path)]
        whole = weight * np.prod(seen)
        total += whole
        for row, k in enumerate(path):
            priors[row, k] += weight * np.prod(seen[:row] + seen[row + 1 :])
        for before, after in pairwise(path):
            followed[before, after] += whole
    return priors / priors.sum(axis=1, keepdims=True), followed / total


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_posteriors_of_a_known_chain(n_classes):
    rng = np.random.default_rng(n_classes)
    transition = rng.dirichlet(np.full(n_classes, 0.5), n_classes)
    shares = rng.dirichlet(np.full(n_classes, 5.0))
    states = rng.integers(0, n_classes, 9)
    heard = states + rng.normal(size=9)
    emissions = np.exp(-((heard[:, None] - np.arange(n_classes)) ** 2) / 2)
    parts = [np.array([3, 0, 5, 1]), np.array([2, 8, 4, 6, 7])]  # two lengths, in no order
    ratios = np.ones((9, n_classes))
    followed = messages(parts, emissions, shares, transition, ratios)
    expected = np.zeros((n_classes, n_classes))
    for part in parts:
        prior, counts = by_hand(emissions[part], shares, transition)
        np.testing.assert_allclose(ratios[part] * shares, prior, atol=1e-10)
        expected += counts
    np.testing.assert_allclose(followed, expected, atol=1e-10)


def test_where_nothing_follows_from_anything_nothing_is_said():
    rng = np.random.default_rng(0)
    shares = np.array([0.5, 0.3, 0.2])
    ratios = np.ones((50, 3))
    messages([np.arange(50)], rng.random((50, 3)), shares, np.tile(shares, (3, 1)), ratios)
    np.testing.assert_allclose(ratios, 1, atol=1e-12)


def test_the_transitions_are_found():
    rng = np.random.default_rng(0)
    true = np.array([[0.9, 0.1], [0.3, 0.7]])
    states = [0]
    for _ in range(4000):
        states.append(int(rng.random() < true[states[-1], 1]))
    heard = np.where(rng.random(4001) < 0.9, states, 1 - np.array(states))
    emissions = np.eye(2)[heard] * 0.8 + 0.1
    parts = np.array_split(np.arange(4001), 40)
    shares = np.array([0.75, 0.25])
    found = transitions(parts, emissions, shares)
    np.testing.assert_allclose(found, true, atol=0.12)
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_the_parts_are_in_order_and_leave_lone_rows_out():
    groups = np.array([1, 0, 1, 1, 2, 0])
    places = np.array([5, 1, 2, 2, 1, NO_PLACE])
    parts = Sequences(groups, places).parts()
    assert [part.tolist() for part in parts] == [[2, 3, 0]]
