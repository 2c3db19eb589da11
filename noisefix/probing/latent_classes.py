"""The true label as a latent class: Gaussian clusters and a noise matrix, fitted by EM.

The clusters are where the texts lie, not what they are called, so that this view can tell how
large each class really is. Its assumption, noise that depends on the class alone, is wrong for most
real noise; that is why it is one hypothesis among several and not the verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from noisefix.labels import UNLABELLED
from noisefix.probability import softmax
from noisefix.probing.sampling import some_rows
from noisefix.threads import one_blas_thread
from noisefix.vectors import Vectors, as_vectors

_TRUST_AT_START = 0.8
_PSEUDO_ROWS = 5.0
_RIDGE = 0.01
_LEAST_VARIANCE = 1e-9
_MANY_VALUES = 2**23  # rows by classes; beyond, half the precision and fewer steps will do
_FEW_STEPS = 10


@dataclass(frozen=True)
class LatentClasses:
    """A fitted model of the true labels.

    Attributes:
        shares: (K,) estimated share of each true class; sums to 1.
        transition_matrix: (K, K) P(given | true), [true, given]; rows sum to 1.
        n_steps: EM steps made.
    """

    shares: np.ndarray
    transition_matrix: np.ndarray
    n_steps: int

    @cached_property
    def log_likelihood(self) -> np.ndarray:
        """(K + 1, K) float32 log P(given | true), [given, true]; the last row, -1, is no label."""
        known = np.log(self.transition_matrix.T).astype(np.float32)
        return np.vstack([known, np.zeros(len(known), np.float32)])


@one_blas_thread()
def fit_latent_classes(
    embeddings: Vectors | np.ndarray,
    given_labels: np.ndarray,
    n_classes: int,
    *,
    n_components: int = 32,
    max_steps: int = 30,
    tol: float = 1e-4,
    max_rows: int = 50_000,
) -> LatentClasses:
    """Fit Gaussians with one shared covariance and a noise matrix to texts and given labels.

    Every class starts from the rows that were given it, with 0.8 trust; the noise matrix carries
    five pseudo-rows a class that say the same, so that classes cannot swap their names.

    Args:
        embeddings: (N, D) sentence embeddings.
        given_labels: (N,) class ids in 0..K-1, one at least; -1 = unlabelled, left out.
        n_classes: K.
        n_components: principal components kept.
        max_steps: most EM steps.
        tol: stop when no row's class probability moves by more.
        max_rows: fit on this many rows at most, drawn at random.

    Source: expectation-maximisation for Gaussians under class-conditional label noise, as in
    Lawrence and Schoelkopf, "Estimating a kernel Fisher discriminant in the presence of label
    noise", ICML 2001.
    """
    import scipy.sparse

    labelled = some_rows(np.flatnonzero(given_labels != UNLABELLED), max_rows)
    given = given_labels[labelled]
    points = _principal_components(as_vectors(embeddings).take(labelled), n_components)
    if len(given) * n_classes > _MANY_VALUES:
        points, max_steps = points.astype(np.float32), min(max_steps, _FEW_STEPS)
    members = scipy.sparse.csr_matrix(
        (np.ones(len(given), points.dtype), (given, np.arange(len(given)))),
        shape=(n_classes, len(given)),
    )
    n_rows = len(given)
    other = (1 - _TRUST_AT_START) / max(n_classes - 1, 1)
    resp = np.full((n_rows, n_classes), other, points.dtype)  # P(true | row), (N, K)
    resp[np.arange(n_rows), given] = _TRUST_AT_START
    start = np.eye(n_classes) * _TRUST_AT_START + (1 - _TRUST_AT_START) / n_classes
    second_moment = points.T @ points
    # Where all texts are the same there is no variance, but still something to divide by.
    variance = max(np.trace(second_moment) / n_rows, _LEAST_VARIANCE)
    n_steps = 0
    while n_steps < max_steps:
        n_steps += 1
        sizes = resp.sum(axis=0, dtype=np.float64) + 1e-9  # (K,)
        means = (resp.T @ points) / sizes[:, None]  # (K, d)
        covariance = (second_moment - (means.T * sizes) @ means) / n_rows
        covariance += np.eye(len(covariance)) * _RIDGE * variance / len(covariance)
        precision_means = np.linalg.solve(covariance, means.T).astype(points.dtype)  # (d, K)
        log_density = points @ precision_means - 0.5 * (means.T * precision_means).sum(axis=0)
        transition = (members @ resp).T + _PSEUDO_ROWS * start  # [true, given]
        transition /= transition.sum(axis=1, keepdims=True)
        log_density += np.log(sizes / n_rows).astype(points.dtype)
        log_density += np.log(transition.T).astype(points.dtype)[given]
        updated = softmax(log_density)
        resp -= updated
        moved = max(float(resp.max(initial=0.0)), -float(resp.min(initial=0.0)))
        resp = updated
        if moved < tol:
            break
    shares = resp.sum(axis=0) / n_rows
    return LatentClasses(shares, transition, n_steps)


def _principal_components(embeddings: np.ndarray, n_components: int) -> np.ndarray:
    """Return the centred rows in the directions of the largest variance, (N, d) float64."""
    mean = embeddings.mean(axis=0, dtype=np.float64)
    centred = embeddings - mean.astype(embeddings.dtype)
    _, directions = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    kept = directions[:, ::-1][:, :n_components]
    points: np.ndarray = (centred @ kept.astype(centred.dtype)).astype(np.float64)
    return points
