"""A place on a map for every row: rows with similar texts are near each other."""

from __future__ import annotations

import numpy as np

from noisefix.reporting.embedding import neighbour_embedding
from noisefix.threads import one_blas_thread, thread_map

_LANDMARKS = 2500
_COMPONENTS = 50
_FEW_ROWS = 50
"""Below so many rows two principal components do."""

_BATCH = 512


def layout(embeddings: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Give each row a place on a map on which rows with similar texts are near each other.

    A neighbour embedding of some rows (landmarks), started from the principal components; every
    other row is put between the landmarks that are nearest to it.

    Args:
        embeddings: (N, D) unit-length rows.
        seed: chooses the landmarks.

    Returns:
        (N, 2) places, float32.

    Source: see ``neighbour_embedding``; landmarks as in de Silva & Tenenbaum 2004, Sparse
    multidimensional scaling using landmark points.
    """
    embeddings = np.asarray(embeddings, np.float32)
    if len(embeddings) < 3:
        return np.zeros((len(embeddings), 2), np.float32)
    with one_blas_thread():
        return _places(embeddings, seed)


def _places(embeddings: np.ndarray, seed: int) -> np.ndarray:
    n_rows = len(embeddings)
    components = principal_components(embeddings, min(_COMPONENTS, embeddings.shape[1]))
    if components.shape[1] < 2:
        components = np.pad(components, ((0, 0), (0, 2 - components.shape[1])))
    if n_rows < _FEW_ROWS:
        return components[:, :2]
    chosen = np.random.default_rng(seed).permutation(n_rows)[:_LANDMARKS]
    landmarks = components[chosen]
    places = neighbour_embedding(landmarks, seed)
    if n_rows == len(chosen):
        return places[np.argsort(chosen)]
    batches = [components[begin : begin + _BATCH] for begin in range(0, n_rows, _BATCH)]
    between = thread_map(lambda rows: _between_landmarks(rows, landmarks, places), batches)
    result = np.concatenate(between)
    result[chosen] = places
    return result


def principal_components(
    embeddings: np.ndarray, n_components: int, n_fitted: int = 20_000
) -> np.ndarray:
    """Return (N, n_components) principal components, by the eigenvectors of the covariance.

    Args:
        embeddings: (N, D).
        n_components: 1 to D.
        n_fitted: the covariance is that of every few rows where there are more than these.
    """
    fitted = embeddings[:: max(1, len(embeddings) // n_fitted)]
    mean = fitted.mean(0)
    covariance = fitted.T @ fitted / len(fitted) - np.outer(mean, mean)
    _, vectors = np.linalg.eigh(covariance.astype(np.float64))
    axes = vectors[:, ::-1][:, :n_components].astype(np.float32)
    axes *= np.sign(
        axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])]
    )  # eigh leaves the sign open
    placed: np.ndarray = embeddings @ axes - mean @ axes
    return placed


def _squares(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    squares: np.ndarray = (left**2).sum(1)[:, None] - 2 * left @ right.T + (right**2).sum(1)
    return squares


def _between_landmarks(
    rows: np.ndarray, landmarks: np.ndarray, places: np.ndarray, n_nearest: int = 4
) -> np.ndarray:
    """Put rows between their nearest landmarks, the nearest counting most."""
    squares = _squares(rows, landmarks)  # (B, L)
    every = np.arange(len(rows))
    nearest, distances = [], []
    for _ in range(n_nearest):  # a few passes of argmin are faster than argpartition
        best = squares.argmin(1)
        nearest.append(best)
        distances.append(squares[every, best])
        squares[every, best] = np.inf
    index, square = np.stack(nearest, 1), np.maximum(np.stack(distances, 1), 1e-12)  # (B, n)
    weights = (square[:, :1] / square) ** 2
    weights /= weights.sum(1, keepdims=True)
    between: np.ndarray = (places[index] * weights[:, :, None]).sum(1)
    return between
