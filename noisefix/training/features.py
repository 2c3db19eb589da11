"""Where a batch's features come from: a table that stays, or an encoder that learns along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from noisefix.hardware import send
from noisefix.training.targets import to_device

if TYPE_CHECKING:
    from torch import Tensor


class FeatureSource(Protocol):
    """Features of the training rows.

    Attributes:
        n_features: D.
        weights: what learns beside the heads, by name; {} where nothing does.
        learning_rate: of these weights, at its highest.
        agreement: weight of the divergence of noised from plain rows; above 0, a batch is followed
            by the same rows with noise in what they are made of: 2 B rows.
    """

    n_features: int
    weights: dict[str, Tensor]
    learning_rate: float
    agreement: float

    def batch(self, rows: Tensor, seed: Sequence[int]) -> Tensor:
        """Return the features of some rows, (B, D) or (M, B, D): a leaf that gathers gradients.

        Args:
            rows: (B,) int64 places in the training data, on the CPU.
            seed: entropy of this step's dropout.
        """
        ...

    def spread(self, features: Tensor) -> None:
        """Hand the gradient that the newest batch's features have gathered on to the weights."""
        ...

    def everything(self, weights: dict[str, Tensor] | None = None) -> Tensor:
        """Return the features of all rows, (N, D), without dropout; by other weights if given."""
        ...

    def trusted(self, weights: dict[str, Tensor], features: np.ndarray) -> Tensor:
        """Return the features of the trusted rows, (V, D); ``features`` are their frozen ones."""
        ...


class FrozenFeatures:
    """Features that stay as they are.

    Attributes:
        n_features: D.
        weights: {}.
        learning_rate: 0.
        agreement: 0.
    """

    learning_rate = agreement = 0.0

    def __init__(self, features: Tensor) -> None:
        """Take (N, D) features, or (M, N, D): of each head's own."""
        self._features = features
        self.n_features = int(features.shape[-1])
        self.weights: dict[str, Tensor] = {}

    def batch(self, rows: Tensor, seed: Sequence[int]) -> Tensor:
        """Return the rows' features."""
        return self._features[..., send(rows, str(self._features.device)), :]

    def spread(self, features: Tensor) -> None:
        """Do nothing."""

    def everything(self, weights: dict[str, Tensor] | None = None) -> Tensor:
        """Return all features."""
        return self._features

    def trusted(self, weights: dict[str, Tensor], features: np.ndarray) -> Tensor:
        """Return the trusted rows' features."""
        return to_device(features, str(self._features.device))
