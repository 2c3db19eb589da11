"""A labeller that became worse is found, one that did not seldom fails."""

from __future__ import annotations

import numpy as np
import pytest

from noisefix.metrics.drift import drifts

NAMES = tuple("abcdefghijkl")
TRIALS = 400


def cells(shares, right):
    size = len(shares)
    return np.asarray(shares)[:, None] * (right * np.eye(size) + (1 - right) / size)


def failing(before, now, n_before, n_now, max_drop, seed=0):
    """Return the share of pairs of samples that fail."""
    rng = np.random.default_rng(seed)
    shape = before.shape

    def counts(table, rows):
        return rng.multinomial(rows, table.ravel()).reshape(shape)

    failed = [
        not all(
            d.passed
            for d in drifts(
                counts(before, n_before), counts(now, n_now), NAMES[: len(before)], max_drop
            )
        )
        for _ in range(TRIALS)
    ]
    return np.mean(failed)


@pytest.mark.parametrize(("n_before", "n_now"), [(100, 100), (300, 100), (300, 300)])
@pytest.mark.parametrize("size", [2, 3, 5, 12])
def test_false_alarms_are_near_the_level_stated(size, n_before, n_now):
    same = cells(1 / np.arange(1, size + 1) / (1 / np.arange(1, size + 1)).sum(), 0.8)
    assert failing(same, same, n_before, n_now, 0.0) <= 0.07


def test_a_fall_of_what_is_allowed_passes():
    before, now = cells([0.5, 0.5], 0.9), cells([0.5, 0.5], 0.8)  # recall falls by .05, kappa by .1
    assert failing(before, now, 300, 300, 0.1) <= 0.07


def test_a_fall_is_found():
    before, now = cells([0.5, 0.3, 0.2], 0.9), cells([0.5, 0.3, 0.2], 0.6)
    assert failing(before, now, 200, 200, 0.05) > 0.9


def test_the_difference_is_newcombes():
    """Newcombe 1998, table II, line (a): 56/70 against 48/80, at 95 % two-sided."""
    from noisefix.metrics.drift import _drift
    from noisefix.probability import Interval, share_interval

    before = Interval(56 / 70, *share_interval(56, 70))
    now = Interval(48 / 80, *share_interval(48, 80))
    assert _drift("accuracy", before, now, 0).least_drop == pytest.approx(0.0524, abs=5e-5)


def test_the_recall_of_a_class_with_few_rows_is_not_compared():
    before, now = np.diag([50, 4]), np.diag([50, 40])
    assert [d.measure for d in drifts(before, now, ("a", "b"), 0.0)] == [
        "accuracy",
        "kappa",
        "recall of a",
    ]


def test_a_rise_is_no_drift():
    worse, better = np.array([[60, 40], [40, 60]]), np.array([[95, 5], [5, 95]])
    found = drifts(worse, better, ("a", "b"), 0.0)
    assert all(d.passed and d.drop < 0 and d.least_drop < d.drop for d in found)
    assert not any(d.passed for d in drifts(better, worse, ("a", "b"), 0.0))
