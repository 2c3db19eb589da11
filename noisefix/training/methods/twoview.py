"""Twoview: two views of a text tell each other which rows to trust.

One head sees the embedding, another the words. A row counts in a view by how sure both are of its
label, and each view learns from the other's predictions where those are sure. The head on
embeddings is kept.

Source: Liu, Albrecht, Wang, Li, Zhu, CromSS: Cross-modal pre-training with noisy labels for remote
sensing image segmentation, 2024 (known from the authors' code, ``zhu-xlab/CromSS``): the entangled
confidence, the share of rows that count in full, which falls from 1 to a half, the weight of the
others, and the weighted consistency. Decisions: the views are the embedding, and word n-grams
reduced to fewer numbers, where theirs are two instruments; labels are not smoothed over places and
times, which texts do not have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.errors import UsageError
from noisefix.training.head_training import train_heads
from noisefix.training.heads import first_head
from noisefix.training.interface import Checkpoint, Training, TrainingData
from noisefix.training.losses import cross_entropy, pick
from noisefix.training.methods import ce
from noisefix.training.objective import Batch
from noisefix.training.targets import to_device
from noisefix.training.weak_features import paired_features

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Params(ce.Params):
    """Options.

    Attributes:
        least_share: of each class, the share of rows that count in full in the end.
        consistency: weight of the other view's predictions, in the end.
        word_dimension: numbers that word features are reduced to.
    """

    least_share: float = 0.5
    consistency: float = 0.5
    word_dimension: int = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.least_share <= 1 or self.consistency < 0 or self.word_dimension < 1:
            raise UsageError(
                "least_share, consistency or word_dimension is out of range",
                "they lie in 0 to 1, at 0 or above, and at 1 or above",
            )


def confidence_weights(confidence: np.ndarray, labels: np.ndarray, share: float) -> np.ndarray:
    """Return (N,) weights: of each class the surest share of rows counts 1, others by how sure.

    Args:
        confidence: (N,) in [0, 1]; of equal ones the earlier row is the surer.
        labels: (N,) class ids, -1 = unlabelled (weight 0).
        share: of each class, in (0, 1].
    """
    weights = np.zeros(len(labels))
    for label in np.unique(labels[labels >= 0]):
        members = np.flatnonzero(labels == label)
        order = members[np.argsort(-confidence[members], kind="stable")]
        full = max(1, int(np.ceil(share * len(members) - 1e-9)))
        threshold = max(float(confidence[order[full - 1]]), 1e-12)
        weights[members] = np.minimum(confidence[members] / threshold, 1.0)
        weights[order[:full]] = 1.0
        weights[order[full:]] = np.minimum(weights[order[full:]], 1.0)
    return weights


class TwoViews(ce.GivenLabels):
    """Weighted cross-entropy in each view, and consistency between them."""

    n_heads = 2
    params: Params

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        import torch

        super().__init__(data, params, device)
        self.device, self.given = device, data.given_labels
        self.trust = torch.ones(2, len(self.given), device=device)
        self.teaching = torch.zeros(2, len(self.given), device=device)
        self.probs = torch.zeros(2, *self.targets.shape, device=device)

    def start_epoch(self, epoch: int, look: Callable[[], Tensor]) -> None:
        """Weigh the rows of each view by both."""
        if epoch == 0:
            return
        done = epoch / max(self.params.epochs - 1, 1)
        self.probs.copy_(look().softmax(-1))
        labels = to_device(self.given.clip(min=0), self.device)
        own = pick(self.probs, labels)  # (2, N)
        entangled = ((own + own.prod(0)) / 2).cpu().numpy().astype(np.float64)
        share = 1 - (1 - self.params.least_share) * done
        for view in range(2):
            weights = confidence_weights(entangled[view], self.given, share)
            self.trust[view] = to_device(weights, self.device)
        entropy = -(self.probs * self.probs.clamp_min(1e-8).log()).sum(-1)
        sure = 1 - entropy / np.log(self.probs.shape[-1])
        self.teaching.copy_(done * self.params.consistency * (sure + sure.prod(0)) / 2)

    def loss(self, batch: Batch) -> Tensor:
        """Return the sum of both views' losses."""
        rows = batch.rows
        own = self.row_losses(batch) * self.trust[:, rows] * self.weights[rows]
        other = cross_entropy(batch.logits, self.probs.flip(0)[:, rows])
        return (own + self.teaching.flip(0)[:, rows] * other).mean(1).sum()

    def memory(self) -> dict[str, Tensor]:
        """Return weights and predictions."""
        return {"trust": self.trust, "teaching": self.teaching, "probs": self.probs}


def fit(
    data: TrainingData,
    params: Params,
    *,
    seed: int,
    device: str,
    checkpoint: Checkpoint | None = None,
) -> Training:
    """Train both heads, and return that on embeddings; see ``interface.Fit``."""
    data.check_frozen("twoview")
    words = data.need("word_features", "twoview")
    features = paired_features(data.features, words, params.word_dimension, seed)
    both = yield from train_heads(
        data,
        params,
        TwoViews(data, params, device),
        seed=seed,
        device=device,
        features=to_device(features, device),
        checkpoint=checkpoint,
    )
    return first_head(both, data.features.shape[1])
