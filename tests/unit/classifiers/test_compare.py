from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from noisefix.classifiers import compare
from noisefix.classifiers.compare import conclude, resolution, score_method


def score(name, right, baseline):
    return score_method(name, np.array(right), np.array(baseline), 1.0, 2.0)


def test_differences_are_paired_by_seed_and_row():
    rng = np.random.default_rng(0)
    baseline = rng.random((3, 400)) < 0.7
    right = baseline.copy()
    right[:, :20] = True  # the same rows, but for a few that are right now
    found = score("x", right, baseline)
    gained = (right != baseline).mean()
    assert found.difference == pytest.approx(gained)
    assert found.is_beyond_noise
    assert 0 < found.low < gained < found.high < 0.05
    assert found.accuracy == pytest.approx(right.mean())
    assert found.spread == pytest.approx(right.mean(axis=1).std(ddof=1))


def test_interval_is_that_of_the_normal_distribution_where_that_is_known():
    rng = np.random.default_rng(1)
    baseline = np.tile(rng.random(2000) < 0.5, (4, 1))
    right = np.tile(rng.random(2000) < 0.5, (4, 1))
    found = score("x", right, baseline)
    gains = right[0].astype(float) - baseline[0]
    half = norm.ppf(0.975) * gains.std() / 2000**0.5
    assert found.high - found.low == pytest.approx(2 * half, rel=0.1)


def test_the_more_methods_are_compared_the_wider_the_intervals():
    rng = np.random.default_rng(1)
    right, baseline = rng.random((2, 3, 200)) < 0.5
    one, eleven = (score_method("x", right, baseline, 0, 0, n) for n in (1, 11))
    ratio = norm.ppf(1 - 0.025 / 11) / norm.ppf(0.975)
    assert eleven.high - eleven.low == pytest.approx(ratio * (one.high - one.low))


def test_of_many_methods_that_are_no_better_none_looks_so(monkeypatch):
    """Eleven methods at a time, each no better than the baseline: one trial in twenty may fail."""
    monkeypatch.setattr(compare, "_DRAWS", 300)
    rng = np.random.default_rng(4)
    wrong = 0
    for _ in range(12):
        baseline = rng.random((2, 120)) < 0.6
        scores = [
            score_method("x", rng.random((2, 120)) < 0.6, baseline, 0, 0, 11) for _ in range(11)
        ]
        wrong += any(s.is_beyond_noise for s in scores)
    assert wrong <= 2


def test_intervals_cover_what_they_should(monkeypatch):
    """The true difference is 0: in about 95 of 100 samples the interval holds it."""
    monkeypatch.setattr(compare, "_DRAWS", 300)
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(60):
        baseline = rng.random((3, 150)) < 0.6
        covered += not score("x", rng.random((3, 150)) < 0.6, baseline).is_beyond_noise
    assert covered >= 54


def test_the_baseline_differs_from_itself_by_nothing():
    right = np.random.default_rng(0).random((2, 50)) < 0.5
    found = score("ce", right, right)
    assert (found.difference, found.low, found.high, found.is_beyond_noise) == (0, 0, 0, False)
    assert np.isnan(resolution([found]))


def test_verdicts():
    rng = np.random.default_rng(3)
    baseline = rng.random((3, 300)) < 0.6
    ce = score("ce", baseline, baseline)
    same = score("same", rng.permuted(baseline, axis=1), baseline)
    better = score("better", baseline | (rng.random((3, 300)) < 0.5), baseline)
    worse = score("worse", baseline & (rng.random((3, 300)) < 0.5), baseline)
    assert conclude([ce, same]) == "no difference beyond the noise"
    assert "worse: worse" in conclude([ce, worse])
    assert conclude([ce, worse, better]).startswith("better is better than ce beyond the noise")
    assert resolution([ce, same, better]) > 0
