"""Combine views of the same rows, and undo what the noise did to the class shares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from noisefix.confident.validation import row_blocks
from noisefix.probability import softmax

_FLOOR = 1e-4
"""No single view may veto a class: a probability below this counts as this."""


def pool_views(views: Sequence[np.ndarray]) -> np.ndarray:
    """Return the normalised geometric mean of several views of the same rows.

    Args:
        views: (N, K) probabilities each, rows sum to 1; at least one view.

    Returns:
        (N, K) float32 probabilities, rows sum to 1.
    """
    n_rows, n_classes = views[0].shape
    pooled = np.zeros((n_rows, n_classes), dtype=np.float32)
    for block in row_blocks(n_rows, n_classes):
        logs = pooled[block]
        for view in views:
            logs += np.log(np.maximum(view[block], _FLOOR, dtype=np.float32))
        pooled[block] = softmax(logs / np.float32(len(views)))
    return pooled


def divide_by_shares(
    probs: np.ndarray,
    *,
    strength: float = 1.0,
    prior: np.ndarray | None = None,
    shares: np.ndarray | None = None,
) -> np.ndarray:
    """Replace the class shares that the probabilities imply by others.

    Labels collapse into classes that are given too often, and whatever learns from them inherits
    the excess. Dividing each class by its mean probability takes the excess out; what is left says
    how much more the text speaks for a class than an average text does.

    Args:
        probs: (N, K) probabilities, rows sum to 1.
        strength: 0 leaves them as they are, 1 divides fully.
        prior: (K,) positive weights that the classes get instead; None: all the same.
        shares: (K,) the shares to divide by; None: the mean of ``probs``.

    Returns:
        (N, K) probabilities, rows sum to 1.

    Source: the prior correction of Saerens, Latinne, Decaestecker 2002, "Adjusting the outputs of
    a classifier to new a priori probabilities", Neural Computation 14(1).
    """
    if shares is None:
        shares = probs.mean(axis=0, dtype=np.float64)
    offsets = -strength * np.log(np.maximum(shares, 1e-6))
    if prior is not None:
        offsets = offsets + np.log(np.maximum(prior, 1e-6))
    return softmax(np.log(np.maximum(probs, 1e-6)) + offsets.astype(np.float32))
