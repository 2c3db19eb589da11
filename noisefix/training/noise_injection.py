"""Label noise of a known kind, for benchmarks: which label each row is given instead."""

from __future__ import annotations

import numpy as np

from noisefix.errors import DataError, UsageError
from noisefix.labels import UNLABELLED

KINDS = ("symmetric", "pair", "asymmetric", "instance")


def transition_matrix(kind: str, n_classes: int, rate: float) -> np.ndarray:
    """Return (K, K) P(given | true), [true, given]; rows sum to 1.

    symmetric: an error falls on every other class alike. pair: class k becomes class k + 1, the
    last becomes the first (Han et al. 2018, pair flipping).

    Raises:
        UsageError: the kind has no such matrix, or the rate is outside 0 to 1.
    """
    if not 0 <= rate <= 1:
        raise UsageError(f"--rate is {rate:g}", "it must lie in 0 to 1")
    if n_classes < 2:
        raise DataError("there is one class only", "noise needs another class to go to")
    if kind == "symmetric":
        matrix = np.full((n_classes, n_classes), rate / (n_classes - 1))
        np.fill_diagonal(matrix, 1 - rate)
        return matrix
    if kind == "pair":
        eye = np.eye(n_classes)
        paired: np.ndarray = (1 - rate) * eye + rate * np.roll(eye, 1, axis=1)
        return paired
    raise UsageError(f"--kind {kind!r} has no matrix of its own", "name one of symmetric, pair")


def check_transition(matrix: np.ndarray, n_classes: int) -> np.ndarray:
    """Return a user's matrix [true, given], checked.

    Raises:
        DataError: it is not (K, K), or a row is no distribution.
    """
    if matrix.shape != (n_classes, n_classes):
        raise DataError(f"the noise matrix is {matrix.shape}, but there are {n_classes} classes")
    if not np.isfinite(matrix).all() or (matrix < 0).any() or (abs(matrix.sum(1) - 1) > 1e-6).any():
        raise DataError(
            "the noise matrix's rows must be distributions",
            "one row for each true class: P(given | true), sums to 1",
        )
    return matrix


def flip_by_matrix(true_labels: np.ndarray, matrix: np.ndarray, seed: int) -> np.ndarray:
    """Draw each row's given label from the row of its true label.

    The number of errors is drawn too; with few rows it is not exactly the rate. Unlabelled rows
    (-1) stay so.

    Args:
        true_labels: (N,) class ids.
        matrix: (K, K), [true, given]; rows sum to 1.
        seed: seed of the draws.
    """
    draws = np.random.default_rng(seed).random(len(true_labels))
    edges = np.cumsum(matrix, axis=1)
    known = true_labels != UNLABELLED
    found = (draws[:, None] >= edges[np.where(known, true_labels, 0)]).sum(axis=1)
    return np.where(known, np.minimum(found, len(matrix) - 1), UNLABELLED)


def flip_by_instance(
    features: np.ndarray, true_labels: np.ndarray, n_classes: int, rate: float, seed: int
) -> np.ndarray:
    """Give the rows that lie nearest to another class that class's label.

    A row's chance grows with how near the nearest other class centre is, compared with its own; the
    expected number of errors is rate times N, as an annotator errs most on what lies in between.

    Args:
        features: (N, D) unit-length rows.
        true_labels: (N,) class ids, -1 = unlabelled.
        n_classes: K.
        rate: share of the labelled rows to flip.
        seed: seed of the draws.

    Raises:
        UsageError: the rate is outside 0 to 1.
        DataError: fewer than two classes have rows.
    """
    if not 0 <= rate <= 1:
        raise UsageError(f"--rate is {rate:g}", "it must lie in 0 to 1")
    known = np.flatnonzero(true_labels != UNLABELLED)
    labels = true_labels[known]
    counts = np.bincount(labels, minlength=n_classes)
    if (counts > 0).sum() < 2:
        raise DataError("there is one class only", "noise needs another class to go to")
    sums = np.zeros((n_classes, features.shape[1]))
    np.add.at(sums, labels, features[known].astype(np.float64))
    centres = sums / np.maximum(counts, 1)[:, None]
    near = features[known] @ centres.T - (centres**2).sum(axis=1) / 2  # minus half squared distance
    near[:, counts == 0] = -np.inf
    own = near[np.arange(len(known)), labels]
    near[np.arange(len(known)), labels] = -np.inf
    other = near.argmax(axis=1)
    margin = near.max(axis=1) - own  # the higher, the nearer the other class
    chances = _chances(margin, rate)
    flipped = np.random.default_rng(seed).random(len(known)) < chances
    given = true_labels.copy()
    given[known[flipped]] = other[flipped]
    return given


def _chances(margin: np.ndarray, rate: float) -> np.ndarray:
    """Return sigmoid(4 * standardised margin + shift); the shift makes their mean the rate."""
    if rate in (0.0, 1.0):
        return np.full(len(margin), rate)
    slope = 4 * (margin - margin.mean()) / max(float(margin.std()), 1e-12)
    low, high = -100.0, 100.0
    for _ in range(80):
        middle = (low + high) / 2
        mean = (1 / (1 + np.exp(-np.clip(slope + middle, -60, 60)))).mean()
        low, high = (middle, high) if mean < rate else (low, middle)
    chances: np.ndarray = 1 / (1 + np.exp(-np.clip(slope + low, -60, 60)))
    return chances
