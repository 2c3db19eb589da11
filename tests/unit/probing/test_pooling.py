"""Pooled views and corrected class shares, against numbers worked out by hand."""

import numpy as np
import pytest

from noisefix.confident.validation import BLOCK_CELLS
from noisefix.probability import softmax
from noisefix.probing.pooling import divide_by_shares, pool_views


def random_probs(n_rows, n_classes, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(n_classes), n_rows)


def test_the_pool_is_the_normalised_geometric_mean():
    pooled = pool_views([np.array([[0.8, 0.2]]), np.array([[0.5, 0.5]])])
    assert pooled.dtype == np.float32
    assert pooled[0, 0] == pytest.approx(2 / 3, abs=1e-6)  # sqrt(.4) : sqrt(.1) = 2 : 1


def test_one_view_stays_as_it_is_and_is_not_written_to():
    view = random_probs(50, 4).astype(np.float32)
    before = view.copy()
    np.testing.assert_allclose(pool_views([view]), view, atol=2e-4)
    np.testing.assert_array_equal(view, before)


def test_no_single_view_can_veto_a_class():
    sure, other = np.array([[1.0, 0.0]]), np.array([[0.005, 0.995]])
    pooled = pool_views([sure, other, other])
    assert pooled[0].argmax() == 1  # .005**2 : 1e-4 * .995**2 although one view says "impossible"
    assert pool_views([sure])[0, 1] == pytest.approx(1e-4, rel=1e-3)


def test_many_blocks_are_pooled_like_one():
    n_rows = BLOCK_CELLS // 3 + 1000
    views = [random_probs(n_rows, 3, seed).astype(np.float32) for seed in (1, 2)]
    product = np.sqrt(np.maximum(views[0], 1e-4).astype(float) * np.maximum(views[1], 1e-4))
    expected = product / product.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(pool_views(views), expected, atol=1e-6)


def test_dividing_takes_the_excess_of_a_class_out():
    probs = np.array([[0.9, 0.1], [0.7, 0.3]])  # shares .8 and .2
    divided = divide_by_shares(probs)
    np.testing.assert_allclose(
        divided[:, 1], [(0.1 / 0.2) / (0.1 / 0.2 + 0.9 / 0.8), 1.5 / (1.5 + 0.875)], rtol=1e-5
    )
    assert divided[1].argmax() == 1  # the row says class 1 more than others do
    np.testing.assert_allclose(divided.sum(axis=1), 1, rtol=1e-6)


def test_strength_goes_from_nothing_to_all():
    probs = random_probs(40, 3)
    np.testing.assert_allclose(divide_by_shares(probs, strength=0), probs, atol=1e-5)
    half = divide_by_shares(probs, strength=0.5)
    expected = probs / np.sqrt(probs.mean(axis=0))
    np.testing.assert_allclose(half, expected / expected.sum(1, keepdims=True), rtol=1e-4)


def test_a_prior_and_the_shares_to_divide_by_can_be_given():
    probs = random_probs(40, 3)
    shares, prior = np.array([0.5, 0.3, 0.2]), np.array([1.0, 2.0, 7.0])
    expected = probs / shares * prior
    np.testing.assert_allclose(
        divide_by_shares(probs, prior=prior, shares=shares),
        expected / expected.sum(axis=1, keepdims=True),
        rtol=1e-4,
    )


def test_a_class_that_is_never_likely_does_not_break_the_division():
    probs = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    divided = divide_by_shares(probs, prior=np.array([0.0, 0.5, 0.5]))
    assert np.isfinite(divided).all()
    np.testing.assert_allclose(divided.sum(axis=1), 1, rtol=1e-6)


def test_softmax_neither_overflows_nor_chokes_on_minus_infinity():
    with np.errstate(all="raise"):
        found = softmax(np.array([[1e4, 1e4 - np.log(3)], [-1e4, -np.inf]]))
    np.testing.assert_allclose(found, [[0.75, 0.25], [1, 0]])
