"""The dynamic prior: what a row's label may be, before and while the denoiser learns.

Source: SiDyP, KDD 2025, arXiv:2505.19675, dynamic prior. Two things differ. The weights start from
the calibrated estimate P(true label | text, given label), of which the neighbours' candidates are
a part. And all uncertain rows are sampled once an epoch by the averaged denoiser, not in each step
by the newest: as many samples, for a tenth of the time, and all of them different.
"""

from __future__ import annotations

import numpy as np

from noisefix.training.interface import TrainingData
from noisefix.training.targets import believed_labels


def start_weights(data: TrainingData, rows: np.ndarray, candidate_share: float) -> np.ndarray:
    """Return (R, K) label weights of some rows; rows sum to 1.

    Args:
        data: with ``true_label_probs``, ``candidate_weights`` or both; of the estimate counts what
            ``believed_labels`` makes of it.
        rows: (R,) places in the data.
        candidate_share: weight of the candidates beside the estimate; 1 = the paper's, the
            candidates alone. Where only one of the two is known, it is taken.
    """
    estimate, candidates = data.true_label_probs, data.candidate_weights
    if candidates is None or (estimate is not None and candidate_share == 0):
        weights = believed_labels(data, "sidyp")[rows]
    elif estimate is None:
        weights = candidates[rows].astype(np.float64)
    else:
        weights = (1 - candidate_share) * believed_labels(data, "sidyp")[rows]
        weights += candidate_share * candidates[rows]
    return _normalised(weights)


def reinforce(weights: np.ndarray, drawn: np.ndarray, min_weight: float) -> np.ndarray:
    """Let every drawn label that is a candidate gain: w += (1 - w) / S, one draw after the other.

    Args:
        weights: (R, K) of the start, rows sum to 1.
        drawn: (R, S) labels that the denoiser drew.
        min_weight: a label below this is no candidate, and gains nothing.

    Returns:
        (R, K), rows sum to 1.
    """
    n_rows, n_samples = drawn.shape
    counts = np.zeros(weights.shape)
    np.add.at(counts, (np.arange(n_rows)[:, None], drawn), 1.0)
    counts[weights < min_weight] = 0
    gained = 1 - (1 - weights) * (1 - 1 / n_samples) ** counts if n_samples > 1 else weights.copy()
    if n_samples == 1:
        gained[counts > 0] = 1.0
    return _normalised(gained)


def label_means(weights: np.ndarray, given_labels: np.ndarray) -> np.ndarray:
    """Return (K, K) mean label weights of each given label's rows, [given, label].

    The mean of all rows counts as one more row of every class, and is all that is known of a class
    that no row was given.

    Args:
        weights: (R, K), rows sum to 1.
        given_labels: (R,) int64 in 0..K-1.
    """
    means: np.ndarray = np.tile(weights.mean(axis=0), (weights.shape[1], 1))
    np.add.at(means, given_labels, weights)
    means /= 1 + np.bincount(given_labels, minlength=len(means))[:, None]
    return means


def draw_labels(weights: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    """Draw a label for each row from its weights, (R,) int64; uniforms (R,) in [0, 1)."""
    below: np.ndarray = (weights.cumsum(axis=1) <= uniforms[:, None]).sum(axis=1)
    drawn: np.ndarray = np.minimum(below, weights.shape[1] - 1)
    return drawn


def _normalised(weights: np.ndarray) -> np.ndarray:
    sums = weights.sum(axis=1, keepdims=True)
    n_classes = weights.shape[1]
    shares: np.ndarray = np.where(sums > 0, weights / np.where(sums > 0, sums, 1), 1 / n_classes)
    return shares
