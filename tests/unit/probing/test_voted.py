"""One posterior of several annotators, anchored at detect's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st

from noisefix.probing.voted import VOUCHED, combine
from noisefix.probing.voters import Voter

N, K = 400, 3


def voter(name: str, labels: np.ndarray) -> Voter:
    rows = np.flatnonzero(labels >= 0)
    return Voter(name, rows, labels[rows])


def noisy(true: np.ndarray, accuracy: float, rng: np.random.Generator) -> np.ndarray:
    wrong = rng.random(len(true)) >= accuracy
    return np.where(wrong, (true + rng.integers(1, K, len(true))) % K, true)


def knows(true: np.ndarray):
    """Return a probe that half knows the truth, whatever it is taught."""
    return lambda labels: 0.4 * np.eye(K)[true] + 0.6 / K


@pytest.fixture
def world():
    rng = np.random.default_rng(0)
    true = rng.integers(0, K, N)
    given = noisy(true, 0.7, rng)
    return true, given, 0.6 * np.eye(K)[given] + 0.4 / K, rng


def test_without_annotators_the_anchor_is_returned_bit_for_bit(world):
    true, given, anchor, _ = world
    for voters in ([], [Voter("silent", np.array([], dtype=int), np.array([], dtype=int))]):
        found = combine(anchor, given, voters, knows(true))
        assert found.posterior is anchor
        assert not found.is_vouched.any()


def test_good_annotators_mend_labels_and_find_the_wrong_ones(world):
    true, given, anchor, rng = world
    voters = [voter(f"v{i}", noisy(true, 0.8, rng)) for i in range(4)]
    found = combine(anchor, given, voters, knows(true))
    right = found.posterior.argmax(axis=1) == true
    assert right.mean() > 0.9 > (given == true).mean()
    changed = found.is_vouched
    assert changed.sum() > 50
    assert right[changed].mean() > 0.95
    assert (found.sharp.max(axis=1)[changed] >= VOUCHED).all()


def test_it_is_as_sure_as_detect_of_the_same_labels(world):
    true, given, anchor, rng = world
    copies = noisy(true, 0.7, rng)
    near = [np.where(rng.random(N) < 0.9, copies, noisy(true, 0.7, rng)) for _ in range(6)]
    found = combine(anchor, given, [voter(f"v{i}", v) for i, v in enumerate(near)], knows(true))
    right = (found.sharp.argmax(axis=1) == true).mean()
    assert found.sharp.max(axis=1).mean() > right + 0.1
    assert found.posterior.max(axis=1).mean() < right + 0.1
    assert found.inverse_temperature < 1


def test_rows_sum_to_one_and_abstentions_keep_the_anchor(world):
    true, given, anchor, rng = world
    part = np.where(np.arange(N) < 100, noisy(true, 0.8, rng), -1)
    found = combine(anchor, given, [voter("a", part)], knows(true))
    assert found.posterior.sum(axis=1) == pytest.approx(np.ones(N))
    assert found.is_voted.sum() == 100
    assert (found.posterior[100:] == anchor[100:]).all()


def test_order_of_annotators_changes_nothing(world):
    true, given, anchor, rng = world
    voters = [voter(f"v{i}", noisy(true, 0.8, rng)) for i in range(3)]
    one = combine(anchor, given, voters, knows(true))
    other = combine(anchor, given, voters[::-1], knows(true))
    assert (one.posterior == other.posterior).all()
    assert all((a == b).all() for a, b in zip(one.confusions, other.confusions[::-1], strict=True))


@settings(max_examples=15, deadline=None)
@given_any(st.integers(0, 1000))
def test_order_of_rows_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    true = rng.integers(0, K, 120)
    given = noisy(true, 0.7, rng)
    anchor = 0.6 * np.eye(K)[given] + 0.4 / K
    said = [np.where(rng.random(120) < 0.8, noisy(true, 0.8, rng), -1) for _ in range(3)]
    order = rng.permutation(120)
    one = combine(anchor, given, [voter(f"v{i}", v) for i, v in enumerate(said)], knows(true))
    other = combine(
        anchor[order],
        given[order],
        [voter(f"v{i}", v[order]) for i, v in enumerate(said)],
        knows(true[order]),
    )
    assert other.posterior == pytest.approx(one.posterior[order], abs=1e-8)


def test_a_persons_word_is_final(world):
    true, given, anchor, rng = world
    known = np.full(N, -1)
    known[:40] = (true[:40] + 1) % K  # whatever everybody else says
    voters = [voter(f"v{i}", noisy(true, 0.9, rng)) for i in range(3)]
    found = combine(anchor, given, voters, knows(true), known_labels=known)
    assert (found.posterior[:40] == np.eye(K)[known[:40]]).all()
    assert not found.is_vouched[:40].any()


def test_verified_rows_set_how_sure_it_is(world):
    true, given, anchor, rng = world
    voters = [voter(f"v{i}", noisy(true, 0.9, rng)) for i in range(3)]
    known = np.where(np.arange(N) < 60, true, -1)
    without = combine(anchor, given, voters, knows(true))
    found = combine(anchor, given, voters, knows(true), known_labels=known)
    assert found.inverse_temperature > without.inverse_temperature


def test_one_annotator_alone_vouches_for_nothing(world):
    true, given, anchor, rng = world
    alone = [voter("a", noisy(true, 0.95, rng))]
    with_text = combine(anchor, given, alone, lambda labels: np.eye(K)[true] * 0.9 + 0.1 / K)
    without = combine(anchor, given, alone, lambda labels: np.eye(K)[given] * 0.01 + 0.33)
    top = without.sharp.argmax(axis=1)
    assert not without.is_vouched.any()
    assert (top != given).any()
    assert not with_text.is_vouched.any()
    two = [*alone, voter("b", noisy(true, 0.95, rng))]
    assert combine(anchor, given, two, knows(true)).is_vouched.any()


def test_a_class_that_only_annotators_give():
    rng = np.random.default_rng(1)
    true = rng.integers(0, K, N)
    given = np.where(true == 2, rng.integers(0, 2, N), true)  # nobody gives the third class
    anchor = np.full((N, K), 1e-4)
    anchor[np.arange(N), given] = 0.9
    anchor[np.arange(N), 1 - given] = 0.1
    voters = [voter(f"v{i}", noisy(true, 0.85, rng)) for i in range(5)]
    found = combine(anchor, given, voters, lambda labels: np.full((N, K), 1 / K), new_classes=[2])
    said = found.posterior.argmax(axis=1) == 2
    assert said[true == 2].mean() > 0.5
    assert (true[said] == 2).mean() > 0.8
    one = combine(anchor, given, voters[:1], lambda labels: np.full((N, K), 1 / K), new_classes=[2])
    assert not (one.posterior.argmax(axis=1) == 2).any()


def test_labels_that_are_the_vote_are_not_counted_twice(world):
    true, _, _, rng = world
    voters = [voter(f"v{i}", noisy(true, 0.7, rng)) for i in range(3)]
    counts = sum(np.eye(K)[v.said(N)] for v in voters)
    given = counts.argmax(axis=1)
    anchor = 0.6 * np.eye(K)[given] + 0.4 / K
    twice = combine(anchor, given, voters, knows(true))
    once = combine(anchor, given, voters, knows(true), given_counts=False)
    rows = np.arange(N)
    assert once.sharp[rows, given].mean() < twice.sharp[rows, given].mean()


def test_unlabelled_rows_are_combined_and_never_vouched_for(world):
    true, given, anchor, rng = world
    blank = np.where(np.arange(N) < 50, -1, given)
    anchor[:50] = 1 / K
    voters = [voter(f"v{i}", noisy(true, 0.9, rng)) for i in range(3)]
    found = combine(anchor, blank, voters, knows(true))
    assert not found.is_vouched[:50].any()
    assert (found.posterior[:50].argmax(axis=1) == true[:50]).mean() > 0.85
