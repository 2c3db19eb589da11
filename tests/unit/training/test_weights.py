"""A row of weight w counts w, for every objective."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from noisefix.training.interface import TrainingData, finish, heeds_weights
from noisefix.training.registry import METHODS

N_EACH = 300


def conflicting(weight: float | None) -> TrainingData:
    """One text that has one label in half of the rows, and another one in the others."""
    features = np.ones((2 * N_EACH, 4), np.float32) / 2
    labels = np.repeat([0, 1], N_EACH)
    weights = None if weight is None else np.where(labels == 1, weight, 1.0)
    return TrainingData(features, labels, 2, weights=weights)


def share_of_the_second(method: str, weight: float | None) -> float:
    fit, params = METHODS[method].load()
    chosen = replace(params(), penalty=1e-4)
    training = fit(conflicting(weight), chosen, seed=0, device="cpu")
    return float(finish(training).predict_probs(conflicting(None).features[:1])[0, 1])


@pytest.mark.parametrize(("weight", "share"), [(None, 1 / 2), (1.0, 1 / 2), (0.5, 1 / 3), (0.0, 0)])
def test_cross_entropy_reaches_the_weighted_share(weight, share):
    assert share_of_the_second("ce", weight) == pytest.approx(share, abs=0.03)


def test_which_methods_heed_them():
    able = {name for name, spec in METHODS.items() if heeds_weights(spec.load()[0])}
    assert {"ce", "repair", "gce", "weight", "elr"} <= able
    assert not {"sidyp", "noiseal", "gaussian"} & able
