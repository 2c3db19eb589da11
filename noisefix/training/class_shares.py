"""What the noise did to the shares of the classes, and weights that take it back: by halves.

When labels collapse into one class, a plain classifier answers that class too often. The given
labels alone do not tell whether a class is given too often or common in truth; the detect stage's
estimate of the true labels does, with errors of its own. So the correction is hedged: a power of
the estimated ratio below 1, and no class by more than a fixed factor.
"""

from __future__ import annotations

import numpy as np

from noisefix.training.interface import TrainingData

STRENGTH = 0.5
"""Power of the estimated ratio: half of the correction, on the log scale."""

MAX_FACTOR = 5.0
_PRIOR_ROWS = 5.0  # rows of the given shares mixed into the estimate: tiny classes stay sane


def given_shares(data: TrainingData) -> np.ndarray:
    """Return (K,) shares of the classes among the labelled rows."""
    counts = np.bincount(data.given_labels[data.is_labelled], minlength=data.n_classes)
    shares: np.ndarray = counts / counts.sum()
    return shares


def estimated_shares(data: TrainingData) -> np.ndarray:
    """Return (K,) shares of the true classes among the labelled rows, as well as is known.

    What the user says comes first, then the mean of the estimated true labels; without either, the
    given shares.
    """
    if data.class_shares is not None:
        known: np.ndarray = data.class_shares / data.class_shares.sum()
        return known
    given = given_shares(data)
    if data.true_label_probs is None:
        return given
    labelled = data.is_labelled
    n_rows = int(labelled.sum())
    mean = data.true_label_probs[labelled].mean(axis=0, dtype=np.float64)
    shares: np.ndarray = (n_rows * mean + _PRIOR_ROWS * given) / (n_rows + _PRIOR_ROWS)
    shares /= shares.sum()
    return shares


def class_weights(data: TrainingData, strength: float = STRENGTH) -> np.ndarray:
    """Return (K,) weights of the *given* classes that pull the model towards the true shares.

    Args:
        data: the training rows.
        strength: 0 = no correction, 1 = all of what is estimated.

    Returns:
        (ratio of estimated true share to given share) ** strength, within 1/5 to 5, so scaled that
        the labelled rows' mean weight is 1. A class that is never given has weight 1.
    """
    given, true = given_shares(data), estimated_shares(data)
    present = given > 0
    ratio = np.divide(true, given, out=np.ones_like(true), where=present)
    weights: np.ndarray = np.clip(np.maximum(ratio, 1e-12) ** strength, 1 / MAX_FACTOR, MAX_FACTOR)
    weights[present] /= (weights * given)[present].sum()
    weights[~present] = 1.0
    return weights
