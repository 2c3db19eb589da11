"""Logits, log-odds, intervals: as SciPy has them."""

import numpy as np
import pytest
import scipy.special

from noisefix.probability import (
    log_odds,
    log_softmax,
    mean_half_width,
    sigmoid,
    small_sigmoid,
    softmax,
)

FLOOR = 1e-3


def test_log_odds_and_back_agree_with_scipy_and_undo_each_other():
    p = np.linspace(FLOOR, 1 - FLOOR, 99)
    np.testing.assert_allclose(log_odds(p, FLOOR), scipy.special.logit(p))
    for back in (sigmoid, small_sigmoid):
        np.testing.assert_allclose(back(log_odds(p)), p)
        np.testing.assert_allclose(
            back(np.array([-9.0, 0, 9])), scipy.special.expit(np.array([-9.0, 0, 9]))
        )


def test_nobody_is_surer_than_the_floor():
    found = log_odds(np.array([0.0, 1.0]), FLOOR)
    np.testing.assert_allclose(found, scipy.special.logit(np.array([FLOOR, 1 - FLOOR])))


def test_sigmoid_does_not_overflow():
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_array_equal(sigmoid(np.array([-1e4, 1e4])), [0, 1])


def test_softmax_neither_overflows_nor_chokes_on_minus_infinity():
    with np.errstate(all="raise"):
        found = softmax(np.array([[1e4, 1e4 - np.log(3)], [-1e4, -np.inf]]))
    np.testing.assert_allclose(found, np.array([[0.75, 0.25], [1, 0]]))


@pytest.mark.parametrize("shape", [(5,), (4, 3), (2, 4, 3)])
def test_softmax_is_over_the_last_axis(shape):
    logits = np.random.default_rng(0).normal(size=shape)
    np.testing.assert_allclose(softmax(logits), scipy.special.softmax(logits, axis=-1))
    np.testing.assert_allclose(log_softmax(logits), scipy.special.log_softmax(logits, axis=-1))


def test_half_width_covers_nine_shares_in_ten():
    p = np.random.default_rng(0).uniform(0.1, 0.4, 400)
    shares = (np.random.default_rng(1).random((2000, 400)) < p).mean(axis=1)
    assert (np.abs(shares - p.mean()) <= mean_half_width(p)).mean() == pytest.approx(0.9, abs=0.02)
