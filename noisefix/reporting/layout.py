"""A place on a map for every row: rows with similar texts are near each other."""

from __future__ import annotations

import numpy as np

from noisefix.threads import one_blas_thread, thread_map

_LANDMARKS = 1000
_COMPONENTS = 50
_STEPS = 300
_FEW_ROWS = 50
"""Below so many rows two principal components do."""

_BATCH = 4096


def layout(embeddings: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Give each row a place on a map on which rows with similar texts are near each other.

    t-SNE of some rows (landmarks), started from the principal components; every other row is put
    between the landmarks that are nearest to it.

    Args:
        embeddings: (N, D) unit-length rows.
        seed: chooses the landmarks.

    Returns:
        (N, 2) places, float32.

    Source: van der Maaten & Hinton 2008, Visualizing data using t-SNE; landmarks as in de Silva &
    Tenenbaum 2004, Sparse multidimensional scaling using landmark points.
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
    chosen = np.sort(np.random.default_rng(seed).permutation(n_rows)[:_LANDMARKS])
    landmarks = components[chosen]
    places = _tsne(landmarks, min(30.0, len(chosen) / 4))
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


def _tsne(rows: np.ndarray, perplexity: float) -> np.ndarray:
    """Exact t-SNE of a few thousand rows: (L, 2) places."""
    n_rows = len(rows)
    attraction = _affinities(rows, perplexity)  # (L, L), sums to 1
    places = (rows[:, :2] / max(float(rows[:, 0].std()), 1e-9) * 1e-4).astype(np.float32)
    velocity, gains = np.zeros_like(places), np.ones_like(places)
    rate = max(n_rows / 12 / 4, 50.0)
    n_early = _STEPS // 3  # exaggerated at first, so that groups form
    for step in range(_STEPS):
        closeness = _squares(places, places)
        closeness += 1
        np.reciprocal(closeness, out=closeness)
        np.fill_diagonal(closeness, 0)
        pull = attraction * np.float32(12 if step < n_early else 1)
        pull -= closeness * np.float32(1 / closeness.sum())
        pull *= closeness
        gradient = 4 * (pull.sum(1)[:, None] * places - pull @ places)
        gains = np.where(
            gradient * velocity < 0, gains + 0.2, np.maximum(gains * 0.8, 0.01)
        ).astype(np.float32)
        velocity = (
            np.float32(0.5 if step < n_early else 0.8) * velocity
            - np.float32(rate) * gains * gradient
        )
        places = places + velocity
    centred: np.ndarray = places - places.mean(0)
    return centred


def _affinities(rows: np.ndarray, perplexity: float, n_steps: int = 25) -> np.ndarray:
    """Return how much each pair attracts, (L, L); each row's Gaussian has the same perplexity."""
    squares = np.maximum(_squares(rows, rows), 0)
    np.fill_diagonal(squares, np.inf)
    squares -= squares.min(1, keepdims=True)
    np.fill_diagonal(squares, 1e9)
    beta = np.full((len(rows), 1), 1 / max(float(np.median(squares)), 1e-9), np.float32)
    low, high = np.zeros_like(beta), np.full_like(beta, np.inf)
    for _ in range(n_steps):
        share = np.exp(-squares * beta)
        total = share.sum(1, keepdims=True)
        entropy = (
            np.log(total) + beta * (np.minimum(squares, 1e6) * share).sum(1, keepdims=True) / total
        )
        wide = entropy > np.log(perplexity)
        low, high = np.where(wide, beta, low), np.where(wide, high, beta)
        beta = np.where(np.isinf(high), beta * 2, (low + high) / 2).astype(np.float32)
    share /= total
    both: np.ndarray = ((share + share.T) / (2 * len(rows))).astype(np.float32)
    return both


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
