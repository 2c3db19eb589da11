"""Two hills and the valley between them, against scikit-learn and by construction."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from noisefix.training.two_normals import fit_two_normals, valley


def two_hills(low, high, n=400, seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(low, 0.05, n), rng.normal(high, 0.05, n)])


def test_the_fit_is_that_of_scikit_learn():
    x = two_hills(0.2, 0.8)
    x = (x - x.mean()) / x.std()
    fit = fit_two_normals(x)
    other = GaussianMixture(2, reg_covar=1e-2, random_state=0).fit(x[:, None])
    assert np.sort(fit.mean) == pytest.approx(np.sort(other.means_.ravel()), abs=1e-3)
    assert np.sort(fit.variance) == pytest.approx(np.sort(other.covariances_.ravel()), abs=1e-3)
    assert fit.share.sum() == pytest.approx(1)


@pytest.mark.parametrize(("low", "high"), [(0.2, 0.8), (0.5, 0.95), (-0.4, 0.3)])
def test_the_valley_lies_in_the_middle_of_two_like_hills(low, high):
    assert valley(two_hills(low, high)) == pytest.approx((low + high) / 2, abs=0.02)


def test_scaled_data_have_a_scaled_valley():
    x = two_hills(0.2, 0.8)
    assert valley(3 * x - 1) == pytest.approx(3 * valley(x) - 1)


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).normal(0.5, 0.1, 1000),
        np.linspace(0, 1, 500),
        np.full(50, 0.7),
        np.array([0.1, 0.9] * 4),
        np.zeros(0),
    ],
    ids=["one hill", "a plain", "one value", "too few", "none"],
)
def test_no_valley(values):
    assert valley(values) is None


def test_unedited_texts_are_a_hill_of_their_own():
    values = np.concatenate([np.ones(60), np.random.default_rng(1).normal(0.6, 0.05, 15)])
    assert 0.65 < valley(values) < 1
