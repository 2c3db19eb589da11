"""Orders of asking: the robust odds against a linear program, and what each order puts first."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from noisefix.annotators.orders import order_keys, robust_odds
from noisefix.annotators.selection import rank_rows


def worst_case(odds, gains, n_wrong):
    """Return what is left when the ``n_wrong`` rows that count most are answered wrongly."""
    return float(np.sort(odds * gains)[: len(gains) - n_wrong].sum())


def best_by_linear_program(gains, n_wrong):
    """Maximise sum r - (sum of the n_wrong largest r), where odds r / gains sum to 1."""
    n = len(gains)
    # Variables r (n), t, s (n): the sum of the m largest is the least m t + sum s, s >= r - t.
    cost = np.concatenate([-np.ones(n), [n_wrong], np.ones(n)])
    above = np.hstack([np.eye(n), -np.ones((n, 1)), -np.eye(n)])
    equal = np.concatenate([1 / gains, np.zeros(n + 1)])[None]
    bounds = [(0, None)] * n + [(None, None)] + [(0, None)] * n
    found = linprog(cost, above, np.zeros(n), equal, [1.0], bounds)
    return -float(found.fun)


@pytest.mark.parametrize("seed", range(40))
def test_odds_are_worth_as_much_as_the_linear_program_says(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 14))
    gains, n_wrong = rng.uniform(0.01, 1, n), int(rng.integers(0, n))
    odds = robust_odds(gains, n_wrong)
    assert odds.sum() == pytest.approx(1)
    assert worst_case(odds, gains, n_wrong) == pytest.approx(
        best_by_linear_program(gains, n_wrong), abs=1e-9
    )


def test_without_wrong_answers_the_best_row_takes_all():
    assert robust_odds(np.array([0.2, 0.9, 0.5]), 0).tolist() == [0, 1, 0]


@given(st.integers(1, 30), st.floats(0, 0.99))
def test_equal_gains_have_equal_odds(n, share):
    assert np.allclose(robust_odds(np.full(n, 0.3), share * n), 1 / n)


@settings(max_examples=40)
@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=20), st.floats(0.1, 50))
def test_the_scale_of_gains_does_not_matter(gains, scale):
    gains = np.array(gains)
    n_wrong = len(gains) // 3
    assert np.allclose(robust_odds(gains * scale, n_wrong), robust_odds(gains, n_wrong))


def probs(n=200, k=4, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(k), n)


def test_smallest_margin_first():
    p = np.array([[0.9, 0.1, 0], [0.5, 0.45, 0.05], [0.4, 0.3, 0.3]])
    ranked = rank_rows(np.zeros(3, int), p, order="margin")
    assert ranked.tolist() == [1, 2, 0]


def test_random_is_another_order_for_another_seed_and_stays_as_rows_are_answered():
    given, p = np.zeros(200, int), probs()
    first = rank_rows(given, p, order="random", seed=1)
    assert sorted(first.tolist()) == list(range(200))
    assert first.tolist() != rank_rows(given, p, order="random", seed=2).tolist()
    answered = np.zeros(200, bool)
    answered[first[:50]] = True
    left = rank_rows(given, p, order="random", seed=1, exclude=answered)
    assert left.tolist() == first[50:].tolist()


def test_rad_draws_suspicious_rows_more_often_and_leaves_none_out():
    given, p = np.zeros(200, int), probs()
    wrong = 1 - p[:, 0]
    ranked = rank_rows(given, p, order="rad", seed=3)
    assert sorted(ranked.tolist()) == list(range(200))
    assert wrong[ranked[:60]].mean() > wrong.mean() + 0.05


def test_a_worse_annotator_makes_rad_spread_wider():
    p = probs()
    good, bad = np.full((4, 4), 0.02), np.full((4, 4), 0.24)
    np.fill_diagonal(good, 0.94)
    np.fill_diagonal(bad, 0.28)
    wrong = 1 - p[:, 0]
    means = []
    for confusion in (good, bad):
        tops = [
            wrong[rank_rows(np.zeros(200, int), p, order="rad", confusion=confusion, seed=s)[:40]]
            for s in range(20)
        ]
        means.append(np.mean(tops))
    assert means[0] > means[1] + 0.02


def test_of_near_duplicates_one_is_named_whatever_the_order():
    given, p = np.zeros(6, int), probs(6)
    groups = np.array([0, 0, 1, 1, 2, 3])
    for order in ("value", "rad", "margin", "random"):
        ranked = rank_rows(given, p, groups=groups, order=order)
        assert len(ranked) == 4
        assert sorted(groups[ranked].tolist()) == [0, 1, 2, 3]


def test_rows_that_cannot_be_asked_have_no_key():
    eligible = np.array([True, False, True])
    for order in ("rad", "margin", "random"):
        keys = order_keys(order, np.array([0, 1, -1]), probs(3), eligible)
        assert np.isneginf(keys).tolist() == [False, True, False]
