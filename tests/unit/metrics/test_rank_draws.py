"""How sure an order is: draws against the formulas for shares, tau against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from noisefix.metrics import rank_draws
from noisefix.metrics.prevalence import accuracies, beliefs
from noisefix.metrics.rank_draws import (
    best_probability,
    draw_accuracies,
    flip_probability,
    hear_models,
    kendall_tau,
    quantile_interval,
)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=9))
def test_tau_is_that_of_scipy(pairs):
    one, other = np.array(pairs, float).T
    if len(set(one)) == 1 or len(set(other)) == 1:
        assert np.isnan(kendall_tau(one, other))
    else:
        assert kendall_tau(one, other) == pytest.approx(kendalltau(one, other).statistic)


def rows(n_rows=400, n_models=3, seed=0, certain=True):
    generator = np.random.default_rng(seed)
    probs = generator.dirichlet(np.full(4, 0.3), n_rows)
    given_labels = generator.integers(0, 4, n_rows)
    predicted = np.where(
        generator.random((n_rows, n_models)) < 0.7,
        probs.argmax(axis=1)[:, None],
        generator.integers(0, 4, (n_rows, n_models)),
    )
    return beliefs(given_labels, predicted, probs.argmax(axis=1) if certain else probs)


@pytest.fixture
def as_said(monkeypatch):
    """Let the probabilities be right."""
    for name in ("_CONTRADICTED_SD", "_MODEL_SD", "_NAMED", "_NAMED_SD"):
        monkeypatch.setattr(rank_draws, name, 0.0)


@pytest.mark.parametrize("certain", [True, False])
def test_draws_have_the_mean_and_the_spread_of_shares(certain, as_said):
    known = rows(certain=certain)
    found, drawn = accuracies(known), draw_accuracies(known, n_draws=4000)
    for name in ("given", "corrected"):
        share, draws = getattr(found, name), getattr(drawn, name)
        spread = np.sqrt(share * (1 - share) / 400)
        np.testing.assert_allclose(draws.mean(axis=0), share, atol=4 * spread.max() / 63)
        np.testing.assert_allclose(draws.std(axis=0), spread, rtol=0.06)
    assert drawn.right.mean() == pytest.approx(found.right, rel=0.02)


def test_draws_are_paired():
    known = rows()
    both = np.repeat(known.predicted[:, :1], 2, axis=1)
    same = beliefs(known.given_labels, both, np.zeros(400, int))
    drawn = draw_accuracies(same)
    np.testing.assert_array_equal(drawn.corrected[:, 0], drawn.corrected[:, 1])
    assert flip_probability(drawn, 0, 1) == 0
    assert best_probability(drawn.corrected).tolist() == [0.5, 0.5]


def test_that_probabilities_may_be_off_makes_intervals_wider(monkeypatch):
    known = rows(certain=False)
    wide = quantile_interval(draw_accuracies(known).corrected)
    for name in ("_CONTRADICTED_SD", "_MODEL_SD", "_NAMED_SD"):
        monkeypatch.setattr(rank_draws, name, 0.0)
    narrow = quantile_interval(draw_accuracies(known).corrected)
    assert (np.ptp(wide, axis=0) > 1.2 * np.ptp(narrow, axis=0)).all()


def test_labels_that_models_name_are_heard_within_the_same_error():
    known = rows(certain=False)
    heard = hear_models(known)
    np.testing.assert_array_equal(heard.p_given, known.p_given)
    is_given = known.is_given
    np.testing.assert_array_equal(heard.p_predicted[is_given], known.p_predicted[is_given])
    assert (heard.p_predicted[~is_given] >= known.p_predicted[~is_given] - 1e-12).all()
    for row in range(50):
        named = {
            label: p
            for label, p in zip(known.predicted[row], heard.p_predicted[row], strict=True)
            if label != known.given_labels[row]
        }
        assert sum(named.values()) <= 1 - known.p_given[row] + 1e-9
    certain = rows()
    np.testing.assert_array_equal(hear_models(certain).p_predicted, certain.p_predicted)


def test_of_two_classes_nothing_is_to_be_heard():
    probs = np.random.default_rng(0).dirichlet(np.ones(2), 30)
    predicted = np.random.default_rng(1).integers(0, 2, (30, 2))
    known = beliefs(np.zeros(30, int), predicted, probs)
    np.testing.assert_allclose(hear_models(known).p_predicted, known.p_predicted)


def test_an_uncertain_noise_rate_makes_intervals_wider_and_leaves_certain_rows(as_said):
    known = rows(certain=False)
    rate = float(1 - known.p_given.mean())
    plain = draw_accuracies(known)
    wide = draw_accuracies(known, noise_rate=(rate - 0.15, rate + 0.15))
    shares = wide.wrong / (wide.wrong + wide.right)
    low, high = np.quantile(shares, (0.05, 0.95))
    assert (low, high) == pytest.approx((rate - 0.15, rate + 0.15), abs=0.03)
    width = [np.ptp(quantile_interval(found.corrected), axis=0) for found in (plain, wide)]
    assert (width[1] > width[0]).all()
    sure = rows()
    drawn = [draw_accuracies(sure, noise_rate=ends) for ends in (None, (0.1, 0.9))]
    np.testing.assert_array_equal(drawn[0].corrected, drawn[1].corrected)


def test_a_flip_is_an_order_that_differs():
    given_labels, right = np.zeros(200, int), np.r_[np.zeros(150, int), np.ones(50, int)]
    predicted = np.zeros((200, 2), int)
    predicted[:, 1] = right  # wrong by given labels in 50 rows, never by corrected ones
    drawn = draw_accuracies(beliefs(given_labels, predicted, right))
    assert flip_probability(drawn, 0, 1) == 1
    assert best_probability(drawn.given).tolist() == [1, 0]
    assert best_probability(drawn.corrected).tolist() == [0, 1]


def test_seeds():
    known = rows(certain=False)
    one, same, other = (draw_accuracies(known, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.corrected, same.corrected)
    assert (one.corrected != other.corrected).any()


def test_many_models_and_rows_are_drawn_quickly():
    known = rows(20_000, 8, certain=False)
    drawn = draw_accuracies(known, n_draws=200, noise_rate=(0.6, 0.8))
    assert drawn.corrected.shape == (200, 8)
