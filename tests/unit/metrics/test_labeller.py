"""Accuracy, kappa, recall and precision, against scikit-learn, formulas and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, precision_score, recall_score

from noisefix.metrics.classification import confusion_counts
from noisefix.metrics.labeller import accuracy_of, class_trust, kappa_of, recall_of

NAMES = ("a", "b", "c")


@pytest.fixture
def labels():
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, 300)
    return np.where(rng.random(300) < 0.7, true, rng.integers(0, 3, 300)), true


def test_values_are_those_of_scikit_learn(labels):
    said, true = labels
    counts = confusion_counts(said, true, 3)
    assert accuracy_of(counts).value == pytest.approx(accuracy_score(true, said))
    assert kappa_of(counts).value == pytest.approx(cohen_kappa_score(true, said))
    classes = class_trust(counts, NAMES)
    recalls = recall_score(true, said, average=None)
    assert [c.recall.value for c in classes] == pytest.approx(recalls)
    assert [recall_of(counts, k).value for k in range(3)] == pytest.approx(recalls)
    precisions = precision_score(true, said, average=None)
    assert [c.precision.value for c in classes] == pytest.approx(precisions)


def test_kappa_is_about_as_sure_as_its_full_standard_error_says(labels):
    """Fleiss, Cohen and Everitt 1969, Large sample standard errors of kappa, equation 13."""
    said, true = labels
    p = confusion_counts(said, true, 3) / 300
    row, column = p.sum(axis=1), p.sum(axis=0)
    kappa = kappa_of(confusion_counts(said, true, 3))
    chance = row @ column
    k = kappa.value
    on = (np.diag(p) * (1 - (row + column) * (1 - k)) ** 2).sum()
    off = p * (column[:, None] + row[None]) ** 2
    rest = (1 - k) ** 2 * (off.sum() - np.trace(off)) - (k - chance * (1 - k)) ** 2
    error = np.sqrt((on + rest) / 300) / (1 - chance)
    assert (kappa.high - kappa.low) / 2 == pytest.approx(1.645 * error, rel=0.1)


def test_intervals_hold_what_they_promise():
    rng = np.random.default_rng(1)
    shares = np.array([0.5, 0.3, 0.2])
    cells = shares[:, None] * (0.75 * np.eye(3) + 0.25 / 3)
    accuracy, chance = np.trace(cells), cells.sum(axis=1) @ cells.sum(axis=0)
    kappa = (accuracy - chance) / (1 - chance)
    covered = []
    for _ in range(300):
        counts = rng.multinomial(150, cells.ravel()).reshape(3, 3)
        found = accuracy_of(counts), kappa_of(counts), recall_of(counts, 0)
        truth = accuracy, kappa, cells[0, 0] / 0.5
        covered.append([m.low <= t <= m.high for m, t in zip(found, truth, strict=True)])
    assert all(0.86 <= share <= 0.94 for share in np.mean(covered, axis=0))


def test_perfect_agreement_is_not_certain():
    kappa = kappa_of(np.diag([20, 20]))
    assert kappa.value == kappa.high == 1
    assert 0.7 < kappa.low < 1


def test_what_no_row_tells_is_nan():
    assert np.isnan(kappa_of(np.array([[20, 0], [0, 0]])).value)
    only = class_trust(np.array([[2, 0], [0, 0]]), ("a", "b"))
    assert np.isnan([only[1].recall.value, only[1].precision.low]).all()
