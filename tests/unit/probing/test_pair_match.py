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
from noisefix.probing.pair_maps import N_FOLDS, PENALTIES
from noisefix.probing.pair_match import (
    LEAST_PAIRS,
    MISMATCHED_FROM,
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


def ridge_scores(a, b, is_out, penalty):
    """Return (M, M) the cosines of what rows let expect and all others' texts, by scikit-learn."""
    centred, target = a[~is_out] - a[~is_out].mean(axis=0), b[~is_out] - b[~is_out].mean(axis=0)
    common = (centred * target).sum() / (centred**2).sum()
    alpha = penalty * (centred**2).sum() / D
    model = Ridge(alpha=alpha).fit(a[~is_out], b[~is_out] - common * a[~is_out])
    middle = b[~is_out].mean(axis=0)
    expected = model.predict(a[is_out]) + common * a[is_out] - middle
    lengths = np.linalg.norm(expected, axis=1, keepdims=True)
    theirs = b[is_out] - middle
    return (expected / lengths) @ (theirs / np.linalg.norm(theirs, axis=1, keepdims=True)).T


def rank_of(scores, row, target):
    """Return which share of the others, the row's own partner not among them, is nearer."""
    others = [k for k in range(len(scores)) if k not in (row, target)]
    return np.mean(scores[row, others] > scores[row, target])


@pytest.mark.parametrize("noise", [0.2, 3.0])
def test_the_ranks_are_those_of_ridge_regression(noise):
    """Every step anew, one pair at a time: folds by key, Ridge both ways, each rank counted."""
    n_rows = 150
    first, second, keys, _ = pairs(n_rows, 0.1, noise=noise)
    found = match_pairs(first, second, keys, everywhere(keys))
    assert set(found.penalties) <= set(PENALTIES)
    folds = np.empty(n_rows, dtype=int)
    folds[np.argsort(keys)] = np.arange(n_rows) * N_FOLDS // n_rows
    first, second = first.astype(np.float64), second.astype(np.float64)
    for fold in range(N_FOLDS):
        is_out = folds == fold
        forth = ridge_scores(first, second, is_out, found.penalties[0])
        back = ridge_scores(second, first, is_out, found.penalties[1])
        both = np.array(
            [
                [rank_of(forth, i, j) + rank_of(back, j, i) for j in range(len(forth))]
                for i in range(len(forth))
            ]
        )
        strangers = both[~np.eye(len(both), dtype=bool)]
        better = (strangers < np.diag(both)[:, None] - 1e-9).mean(axis=1)
        equal = (np.abs(strangers - np.diag(both)[:, None]) < 1e-9).mean(axis=1)
        np.testing.assert_allclose(found.rank[is_out], better + equal / 2, atol=0.02)
        close = np.isclose(found.rank[is_out], better + equal / 2, atol=1e-9)
        assert close.mean() > 0.95  # but for ties of the last bits of float32


def test_both_sides_tell_the_same_if_they_change_places():
    first, second, keys, _ = pairs(600, 0.1)
    found = match_pairs(first, second, keys, everywhere(keys))
    turned = match_pairs(second, first, keys, everywhere(keys))
    np.testing.assert_allclose(turned.rank, found.rank, atol=1e-9)
    assert turned.penalties == found.penalties[::-1]
    assert turned.share == found.share


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


@pytest.mark.parametrize("side", [0, 1])
def test_one_text_in_all_rows_is_as_good_as_any(side):
    sides = [*pairs(200, 0.0)[:2]]
    sides[side] = np.repeat(sides[side][:1], 200, axis=0)
    keys = row_keys(["again"] * 200 if side == 0 else [f"row {k}" for k in range(200)])
    found = match_pairs(*sides, keys, everywhere(keys))
    np.testing.assert_allclose(found.rank, 0.5)
    assert found.p_mismatch.max() < MISMATCHED_FROM


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
