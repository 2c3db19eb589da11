"""Pairs put together at random are found by what other pairs tell; as scikit-learn's ridge says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from noisefix.probing.folds import row_keys
from noisefix.probing.pair_match import (
    LEAST_PAIRS,
    MISMATCHED_FROM,
    N_FOLDS,
    PENALTIES,
    falling_density,
    match_pairs,
    mismatch_probs,
)
from noisefix.vectors import write_vectors

D = 12


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def pairs(n_rows, share, *, seed=0, noise=0.6, turned=True):
    """Return both sides, keys, and which pairs were put together at random.

    The second side is the first, turned, and noise; its middle is elsewhere.
    """
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(n_rows, D)) + 0.5
    turn = np.linalg.qr(rng.normal(size=(D, D)))[0] if turned else np.eye(D)
    second = first @ turn + noise * rng.normal(size=(n_rows, D)) + rng.normal(size=D)
    moved = rng.choice(n_rows, round(n_rows * share), replace=False)
    second[moved] = second[np.roll(moved, 1)]
    is_moved = np.zeros(n_rows, dtype=bool)
    is_moved[moved] = True
    return unit(first), unit(second), row_keys([f"row {k}" for k in range(n_rows)]), is_moved


def everywhere(keys):
    return np.ones(len(keys), dtype=bool)


@pytest.mark.parametrize("turned", [True, False])
def test_pairs_put_together_at_random_are_found(turned):
    first, second, keys, is_moved = pairs(1500, 0.1, turned=turned)
    found = match_pairs(first, second, keys, everywhere(keys))
    assert roc_auc_score(is_moved, found.rank) > 0.95
    assert found.share == pytest.approx(0.1, abs=0.05)
    listed = found.p_mismatch >= MISMATCHED_FROM
    assert listed.sum() > 20
    assert is_moved[listed].mean() > 0.75
    if turned:  # nothing that the cosine of the two could have told
        assert roc_auc_score(is_moved, -(first * second).sum(axis=1)) < 0.7


@pytest.mark.parametrize("noise", [0.2, 3.0])
def test_the_ranks_are_those_of_ridge_regression(noise):
    """Every step anew, with scikit-learn: folds by key, Ridge, and each rank counted."""
    first, second, keys, _ = pairs(400, 0.1, noise=noise)
    found = match_pairs(first, second, keys, everywhere(keys))
    assert found.penalty in PENALTIES
    folds = np.empty(400, dtype=int)
    folds[np.argsort(keys)] = np.arange(400) * N_FOLDS // 400
    first, second = first.astype(np.float64), second.astype(np.float64)
    for fold in range(N_FOLDS):
        out = np.flatnonzero(folds == fold)
        a, b = first[folds != fold], second[folds != fold]
        centred, target = a - a.mean(axis=0), b - b.mean(axis=0)
        common = (centred * target).sum() / (centred**2).sum()
        alpha = found.penalty * (centred**2).sum() / D
        model = Ridge(alpha=alpha).fit(a, b - common * a)
        expected = model.predict(first[out]) + common * first[out] - b.mean(axis=0)
        theirs = unit(second[out] - b.mean(axis=0)).astype(np.float64)
        cosines = unit(expected).astype(np.float64) @ theirs.T
        nearer = (cosines > np.diag(cosines)[:, None]).sum(axis=1)
        np.testing.assert_allclose(found.rank[out], nearer / (len(out) - 1), atol=2 / len(out))
        close = np.isclose(found.rank[out], nearer / (len(out) - 1), atol=1e-9)
        assert close.mean() > 0.98  # but for ties of the last bits of float32


def test_the_order_of_the_rows_does_not_count():
    first, second, keys, _ = pairs(300, 0.2)
    found = match_pairs(first, second, keys, everywhere(keys))
    order = np.random.default_rng(1).permutation(300)
    again = match_pairs(first[order], second[order], keys[order], everywhere(keys))
    np.testing.assert_allclose(again.rank, found.rank[order], atol=1e-9)
    np.testing.assert_allclose(again.p_mismatch, found.p_mismatch[order], atol=1e-9)


def test_from_a_file_the_same_bytes(tmp_path):
    first, second, keys, _ = pairs(2300, 0.1)
    sides = [
        write_vectors(tmp_path / f"side{k}", [side], D) for k, side in enumerate((first, second))
    ]
    one, other = (
        match_pairs(first, second, keys, everywhere(keys)),
        match_pairs(*sides, keys, everywhere(keys)),
    )
    np.testing.assert_array_equal(one.rank, other.rank)
    np.testing.assert_array_equal(one.p_mismatch, other.p_mismatch)


def test_of_columns_that_have_nothing_to_do_with_each_other_no_row_is_listed():
    first, second, keys, _ = pairs(1000, 1.0)
    found = match_pairs(first, second, keys, everywhere(keys))
    assert found.share > 0.8
    assert np.isnan(found.p_mismatch).all()
    counts = np.histogram(found.rank, bins=5, range=(0, 1))[0]
    assert counts.min() > 140  # even, but for chance


def test_of_pairs_that_all_belong_together_hardly_one_is_listed():
    first, second, keys, _ = pairs(1000, 0.0)
    found = match_pairs(first, second, keys, everywhere(keys))
    assert found.share < 0.03
    assert (found.p_mismatch >= MISMATCHED_FROM).sum() <= 5


def test_what_is_missing_is_nothing_to_the_others():
    first, second, keys, _ = pairs(300, 0.1)
    is_paired = np.arange(300) % 3 > 0
    found = match_pairs(first, second, keys, is_paired)
    assert np.isnan(found.rank[~is_paired]).all()
    assert np.isnan(found.p_mismatch[~is_paired]).all()
    alone = match_pairs(
        first[is_paired], second[is_paired], keys[is_paired], everywhere(keys[is_paired])
    )
    np.testing.assert_array_equal(found.rank[is_paired], alone.rank)


def test_few_pairs_tell_nothing():
    first, second, keys, _ = pairs(LEAST_PAIRS + 9, 0.1)
    is_paired = np.arange(len(keys)) < LEAST_PAIRS - 1
    found = match_pairs(first, second, keys, is_paired)
    assert np.isnan(found.rank).all()
    assert np.isnan(found.share)
    is_paired[LEAST_PAIRS - 1] = True
    assert np.isfinite(match_pairs(first, second, keys, is_paired).rank).sum() == LEAST_PAIRS


def test_equal_second_texts_count_half():
    first, second, keys, _ = pairs(200, 0.0)
    found = match_pairs(first, np.repeat(second[:1], 200, axis=0), keys, everywhere(keys))
    np.testing.assert_allclose(found.rank, 0.5)


def test_first_texts_that_tell_nothing_are_not_held_against_a_row():
    """Half of the first texts are the same noise: their ranks are even, and nobody is to blame."""
    rng = np.random.default_rng(3)
    is_random = np.arange(2000) % 20 == 0
    telling = np.where(is_random, rng.random(2000), rng.beta(1, 40, 2000))
    rank, strength = np.append(rng.random(2000), telling), np.repeat([0.1, 1.0], 2000)
    probs, share = mismatch_probs(rank, strength)
    assert share == pytest.approx(0.05, abs=0.03)
    assert probs[:2000].max() < 0.4
    assert (probs[2000:][is_random] >= MISMATCHED_FROM).mean() > 0.3
    assert (probs[2000:][~is_random] >= MISMATCHED_FROM).mean() < 0.01


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60))
@settings(max_examples=60)
def test_the_falling_density_is_isotonic_regression(values):
    """Grenander's estimate is the falling regression of the spacings' densities."""
    values = np.array(values) / 50
    ends, counts = np.unique(np.maximum(values, 1e-9), return_counts=True)
    if ends[-1] < 1:
        ends, counts = np.append(ends, 1.0), np.append(counts, 0)
    widths = np.diff(ends, prepend=0.0)
    density = counts / len(values) / widths
    fitted = IsotonicRegression(increasing=False).fit_transform(
        np.arange(len(ends)), density, sample_weight=widths
    )
    found = falling_density(values)
    place = np.searchsorted(ends, np.maximum(values, 1e-9))
    np.testing.assert_allclose(found, fitted[place], rtol=1e-6)
