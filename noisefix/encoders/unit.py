"""Vectors to unit length, those of texts of which nothing is known too."""

from __future__ import annotations

import numpy as np

_LEAST_LENGTH = 1e-6


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Return (N, D) float32 rows of unit length; rows of zeros all become the last axis.

    Args:
        vectors: (N, D) float32; not changed.
    """
    lengths = np.linalg.norm(vectors, axis=1)
    is_nothing = lengths < _LEAST_LENGTH
    unit: np.ndarray = vectors / np.where(is_nothing, 1, lengths)[:, None]
    unit[is_nothing] = np.eye(1, vectors.shape[1], vectors.shape[1] - 1, dtype=np.float32)
    return unit
