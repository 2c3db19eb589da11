"""How far rows lie from the middle of all, and from the nearest class, both out of fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisefix.threads import thread_map
from noisefix.vectors import GRAIN, SomeRows, Vectors, blocks

_SHRINKAGE = 0.5
"""How far the covariance within classes is drawn towards a multiple of the identity."""

_TASKS = 16  # grains whose sums are held at once


@dataclass
class _Sums:
    """Sums over rows: for the middle of all, and for the means and the covariance of classes."""

    total: np.ndarray  # (D,)
    n_rows: int
    by_class: np.ndarray  # (K, D)
    of_class: np.ndarray  # (K,) rows
    squares: np.ndarray  # (D, D)

    @classmethod
    def none(cls, n_classes: int, size: int) -> _Sums:
        return cls(
            np.zeros(size),
            0,
            np.zeros((n_classes, size)),
            np.zeros(n_classes, dtype=np.int64),
            np.zeros((size, size)),
        )

    def add(self, other: _Sums, sign: int = 1) -> None:
        self.total += sign * other.total
        self.n_rows += sign * other.n_rows
        self.by_class += sign * other.by_class
        self.of_class += sign * other.of_class
        self.squares += sign * other.squares


def fold_distances(
    embeddings: Vectors,
    labels: np.ndarray,
    folds: np.ndarray,
    fitted: np.ndarray,
    central: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return (N,) 1 - cosine to the mean of the other folds, and the distance to the nearest class.

    The latter is the square of Mahalanobis', with the covariance within the classes of the fitted
    rows of the other folds. Memory: D x D for each fold.

    Args:
        embeddings: (N, D) unit-length rows.
        labels: (N,) class ids; those of fitted rows are known.
        folds: (N,) of each row, 0, 1, ..
        fitted: (N,) bool: the rows that class means and covariance are made of.
        central: (N,) bool: those that the middle of all is made of.
    """
    n_folds, n_classes = int(folds.max(initial=-1)) + 1, int(labels.max(initial=0)) + 1
    of_fold = [
        _sums(embeddings, labels, (folds == fold) & (fitted | central), fitted, central, n_classes)
        for fold in range(n_folds)
    ]
    everything = _Sums.none(n_classes, embeddings.shape[1])
    for sums in of_fold:
        everything.add(sums)
    from_middle, from_class = np.zeros(len(labels)), np.zeros(len(labels))
    for fold, own in enumerate(of_fold):
        rows = np.flatnonzero(folds == fold)
        others = _Sums.none(n_classes, embeddings.shape[1])
        others.add(everything)
        others.add(own, -1)
        if len(rows) and others.of_class.any():
            from_middle[rows], from_class[rows] = _measure(SomeRows(embeddings, rows), others)
    return from_middle, from_class


def _sums(
    embeddings: Vectors,
    labels: np.ndarray,
    used: np.ndarray,
    fitted: np.ndarray,
    central: np.ndarray,
    n_classes: int,
) -> _Sums:
    import scipy.sparse

    rows = np.flatnonzero(used)
    chosen = SomeRows(embeddings, rows)

    def of_grain(grain: tuple[int, int]) -> _Sums:
        points, which = chosen.rows(*grain).astype(np.float64), rows[slice(*grain)]
        middle = points[central[which]]
        points, given = points[fitted[which]], labels[which[fitted[which]]]
        members = scipy.sparse.csr_matrix(
            (np.ones(len(given)), (given, np.arange(len(given)))), shape=(n_classes, len(given))
        )
        return _Sums(
            middle.sum(axis=0),
            len(middle),
            members @ points,
            np.bincount(given, minlength=n_classes),
            points.T @ points,
        )

    sums = _Sums.none(n_classes, embeddings.shape[1])
    grains = [*blocks(len(rows), GRAIN)]
    for first in range(0, len(grains), _TASKS):
        for part in thread_map(of_grain, grains[first : first + _TASKS]):
            sums.add(part)
    return sums


def _measure(points: Vectors, others: _Sums) -> tuple[np.ndarray, np.ndarray]:
    """Return (R,) distances of R rows from the middle, and from the nearest class mean."""
    from scipy.linalg import solve_triangular

    middle = others.total / max(others.n_rows, 1)
    length = max(float(np.linalg.norm(middle)), 1e-12)
    present = np.flatnonzero(others.of_class)
    sizes = others.of_class[present]
    means = others.by_class[present] / sizes[:, None]
    covariance = others.squares - (means.T * sizes) @ means
    covariance /= max(int(sizes.sum()) - len(present), 1)
    size = len(covariance)
    mean_variance = max(float(np.trace(covariance)) / size, 1e-12)
    covariance *= 1 - _SHRINKAGE
    covariance[np.diag_indices(size)] += _SHRINKAGE * mean_variance
    whitening = solve_triangular(np.linalg.cholesky(covariance), np.eye(size), lower=True).T
    centres = means @ whitening
    from_middle, from_class = np.empty(len(points)), np.empty(len(points))

    def measure(grain: tuple[int, int]) -> None:
        found = points.rows(*grain).astype(np.float64)
        from_middle[slice(*grain)] = 1 - found @ middle / length
        flat = found @ whitening
        squares = (flat**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1) - 2 * flat @ centres.T
        from_class[slice(*grain)] = np.maximum(squares.min(axis=1), 0.0)

    thread_map(measure, blocks(len(points), GRAIN))
    return from_middle, from_class
