"""Word features for a weak model, beside the embeddings of the strong one, in one array."""

from __future__ import annotations

from typing import Any

import numpy as np


def paired_features(features: np.ndarray, words: Any, dimension: int, seed: int) -> np.ndarray:
    """Return (2, N, max(D, W)) float32: embeddings, and reduced word features, filled with zeros.

    So two heads of different inputs are trained as one batched tensor. Word features are reduced by
    a truncated singular value decomposition and scaled to unit length, as the embeddings are.

    Args:
        features: (N, D) embeddings.
        words: (N, V) scipy CSR or dense.
        dimension: W, at most min(N, V).
        seed: seed of the decomposition.
    """
    reduced = reduce_words(words, dimension, seed)
    width = max(features.shape[1], reduced.shape[1])
    both = np.zeros((2, len(features), width), np.float32)
    both[0, :, : features.shape[1]] = features
    both[1, :, : reduced.shape[1]] = reduced
    return both


def reduce_words(words: Any, dimension: int, seed: int) -> np.ndarray:
    """Return (N, W) unit-length rows of the first W singular directions."""
    from sklearn.utils.extmath import randomized_svd

    count = min(dimension, *words.shape)
    left, values, _ = randomized_svd(words, count, n_iter=4, random_state=seed)
    reduced: np.ndarray = (left * values).astype(np.float32)
    lengths = np.linalg.norm(reduced, axis=1, keepdims=True)
    reduced /= np.maximum(lengths, 1e-6)
    return reduced
