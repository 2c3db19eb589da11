"""What the label names mean: a view of the rows that the noisy labels had no part in.

A text is compared with the name (or description) of every class. How much that is worth differs
from everything to nothing, so the scale is learned from how well the names explain the given
labels, and the gain is handed on: names that explain the labels vouch for them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from noisefix.confident.validation import row_blocks
from noisefix.labels import UNLABELLED
from noisefix.probability import softmax
from noisefix.probing.sampling import some_rows
from noisefix.threads import one_blas_thread, thread_map
from noisefix.vectors import GRAIN, InMemory, Vectors, as_vectors, blocks, mean_of

_MAX_SLOPE = 5.0
_MAX_BIAS = 6.0
_BIAS_PENALTY = 1e-3
_MAX_FIT_ROWS = 20_000


@dataclass(frozen=True)
class NameView:
    """The rows as the label names see them.

    Attributes:
        probs: (N, K) float32 zero-shot probabilities with equal class shares; rows sum to 1.
        slope: how steeply similarity counts, in [0, 5]; 0: the names tell nothing.
        gain: share of the given labels' entropy that the names explain, in [0, 1].
    """

    probs: np.ndarray
    slope: float
    gain: float


def readable_name(label: str) -> str:
    """Turn a label into words: ``cardArrival`` and ``card_arrival`` become ``card arrival``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", label)
    return re.sub(r"[\W_]+", " ", spaced).strip().lower() or label


@one_blas_thread()
def name_view(
    embeddings: Vectors | np.ndarray, name_embeddings: np.ndarray, given_labels: np.ndarray
) -> NameView:
    """Fit one slope and a bias for each class to the given labels; keep the slope.

    Similarities are standardised within each class first, which takes out that some names are near
    every text. The bias is fitted so that class shares do not bend the slope, then dropped.

    Args:
        embeddings: (N, D) unit-length sentence embeddings.
        name_embeddings: (K, D) unit-length embeddings of names or descriptions.
        given_labels: (N,) class ids in 0..K-1; -1 = unlabelled, left out of the fit.
    """
    embeddings = as_vectors(embeddings)
    probs = np.empty((len(embeddings), len(name_embeddings)), dtype=np.float32)

    def compare(block: tuple[int, int]) -> None:
        probs[slice(*block)] = embeddings.rows(*block) @ name_embeddings.T

    thread_map(compare, blocks(len(embeddings), 4 * GRAIN))
    # Summed in float64: in float32 a million rows lose three digits, and others in another order.
    similarities = InMemory(probs)
    middle = mean_of(similarities).astype(np.float32)
    squares = np.zeros(len(name_embeddings))
    for block in blocks(len(probs), GRAIN):
        scaled = probs[slice(*block)]
        scaled -= middle
        squares += np.einsum("nk,nk->k", scaled, scaled, dtype=np.float64)
    spread = np.maximum(np.sqrt(squares / len(probs)), 1e-6).astype(np.float32)
    labelled = some_rows(np.flatnonzero(given_labels != UNLABELLED), _MAX_FIT_ROWS)
    given = given_labels[labelled]
    slope, loss = _fit_slope((probs[labelled] / spread).astype(np.float64), given)
    shares = np.bincount(given, minlength=len(name_embeddings)) / max(len(given), 1)
    entropy = -float((shares[shares > 0] * np.log(shares[shares > 0])).sum())
    gain = float(np.clip(1 - loss / entropy, 0.0, 1.0)) if entropy > 0 else 0.0
    for rows in row_blocks(*probs.shape):
        probs[rows] = softmax(np.float32(slope) * (probs[rows] / spread))
    return NameView(probs, slope, gain)


def _fit_slope(scaled: np.ndarray, given: np.ndarray) -> tuple[float, float]:
    """Return the slope and the mean log-loss of the most likely slope and biases."""
    from scipy.optimize import minimize

    n_rows, n_classes = scaled.shape
    rows = np.arange(n_rows)

    def objective(params: np.ndarray) -> tuple[float, np.ndarray]:
        slope, bias = params[0], params[1:]
        probs = softmax(slope * scaled + bias)
        loss = -np.log(np.maximum(probs[rows, given], 1e-300)).mean()
        probs[rows, given] -= 1
        gradient = np.concatenate(
            ([(probs * scaled).sum() / n_rows], probs.mean(axis=0) + 2 * _BIAS_PENALTY * bias)
        )
        return loss + _BIAS_PENALTY * float((bias**2).sum()), gradient

    start = np.zeros(n_classes + 1)
    start[0] = 0.5
    bounds = [(0.0, _MAX_SLOPE)] + [(-_MAX_BIAS, _MAX_BIAS)] * n_classes
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds)
    slope, bias = float(found.x[0]), found.x[1:]
    probs = softmax(slope * scaled + bias)
    return slope, float(-np.log(np.maximum(probs[rows, given], 1e-300)).mean())
