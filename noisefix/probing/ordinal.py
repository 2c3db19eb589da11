"""Classes in an order, such as one to five stars: an error by four steps is worse than by one.

How probably a label is wrong stays as the error model says, and which class is right instead too:
the median of these probabilities lies nearest to the truth on average. For the ranking, by expected
distance, errors of many steps are made rarer: they are, and there are many more rows that could
have one.
"""

from __future__ import annotations

import numpy as np

from noisefix.labels import UNLABELLED

RARER = 2.0
"""An error of s steps is s to this power rarer than one of one step: tests/benchmarks/ordinal.py"""


def with_steps(
    true_label_probs: np.ndarray, given_labels: np.ndarray, places: np.ndarray
) -> np.ndarray:
    """Return the probabilities (N, K) with errors of many steps made rarer.

    The given label keeps its probability; what is left for the others is shared out anew. Rows
    without a label stay as they are.

    Args:
        true_label_probs: (N, K) probabilities, rows sum to 1.
        given_labels: (N,) class ids, -1 = unlabelled.
        places: (K,) place of each class in the order, 0 = first.
    """
    steps = np.abs(places[:, None] - places[None, :])  # (K, K)
    weights = np.maximum(steps, 1) ** -RARER
    np.fill_diagonal(weights, 0)
    found = true_label_probs.copy()
    rows = np.flatnonzero(given_labels != UNLABELLED)
    labels = given_labels[rows]
    own = true_label_probs[rows, labels].astype(np.float64)
    others = true_label_probs[rows] * weights[labels]
    total = others.sum(axis=1)
    others *= ((1 - own) / np.where(total > 0, total, 1))[:, None]
    others[np.arange(len(rows)), labels] = own
    found[rows] = others
    return found


def expected_distance(
    true_label_probs: np.ndarray, given_labels: np.ndarray, places: np.ndarray
) -> np.ndarray:
    """Return (N,) expected steps between the given and the true label; NaN for unlabelled rows.

    Args as of ``with_steps``.
    """
    steps = np.abs(places[:, None] - places[None, :]).astype(np.float64)  # (K, K)
    rows = np.flatnonzero(given_labels != UNLABELLED)
    found = np.full(len(given_labels), np.nan)
    found[rows] = (true_label_probs[rows] * steps[given_labels[rows]]).sum(axis=1)
    return found


def median_labels(true_label_probs: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return (N,) class ids of least expected distance: the medians; of two the lower.

    Args:
        true_label_probs: (N, K) probabilities, rows sum to 1.
        places: (K,) place of each class in the order, 0 = first.
    """
    order = np.argsort(places)
    below = np.cumsum(true_label_probs[:, order], axis=1, dtype=np.float64)
    at_half = (below >= below[:, -1:] / 2 - 1e-9).argmax(axis=1)
    medians: np.ndarray = order[at_half]
    return medians


def distance_shares(
    true_label_probs: np.ndarray, given_labels: np.ndarray, places: np.ndarray
) -> np.ndarray:
    """Return the estimated share of labelled rows at each distance, 0 = right; sums to 1.

    Args as of ``with_steps``.
    """
    steps = np.abs(places[:, None] - places[None, :])
    rows = np.flatnonzero(given_labels != UNLABELLED)
    mass = np.bincount(
        steps[given_labels[rows]].ravel(),
        weights=true_label_probs[rows].ravel().astype(np.float64),
        minlength=int(steps.max()) + 1,
    )
    shares: np.ndarray = mass / max(mass.sum(), 1e-12)
    return shares
