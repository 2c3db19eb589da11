"""Plain cross-entropy on the given labels: what every other method is held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noisefix.training.interface import Checkpoint, Training, TrainingData
from noisefix.training.loop import Batch, HeadParams, Plain, train_heads
from noisefix.training.losses import cross_entropy
from noisefix.training.targets import given_targets

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Params(HeadParams):
    """Options of plain training.

    Attributes:
        share_strength: how far class weights follow the estimated true class shares; 0 = plain.
    """

    share_strength: float = 0.0


def fit(
    data: TrainingData,
    params: Params,
    *,
    seed: int,
    device: str,
    checkpoint: Checkpoint | None = None,
) -> Training:
    """Train on the given labels as they are; see ``interface.Fit``.

    A linear head converges to scikit-learn's ``LogisticRegression`` of the same penalty.
    """
    targets, weights = given_targets(data, params.share_strength, device)

    def loss(batch: Batch) -> Tensor:
        rows = cross_entropy(batch.logits, targets[batch.rows])  # (1, B)
        return (rows * weights[batch.rows]).mean()

    return train_heads(data, params, Plain(loss), seed=seed, device=device, checkpoint=checkpoint)
