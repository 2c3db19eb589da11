"""CPC: clean and wrong rows told apart by a mixture over the losses of each class by itself.

One mixture over all rows takes the rows of hard classes for wrong and those of easy ones for
right; a mixture for each given class does not.

Source: Huang, Gao et al., Class Prototype-based Cleaner for Label Noise Learning,
arXiv:2212.10766 (class-aware loss distributions; DivideMix's mixture and guessed labels, Li et al.,
ICLR 2020). Decision: the prototypes serve the paper to model the classes' losses; with a small head
on frozen features a mixture for each class, shrunk to that of all rows, is that model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.training.interface import Checkpoint, Training, TrainingData
from noisefix.training.loop import Batch, HeadParams, Plain, train_heads
from noisefix.training.losses import cross_entropy
from noisefix.training.mixture import class_clean_probs
from noisefix.training.targets import given_targets, to_device

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Params(HeadParams):
    """Options.

    Attributes:
        warm_epochs: of plain training before the first mixture, the paper's 10 (of 300) for 10
            classes; small heads need fewer.
        temperature: by which guessed labels are sharpened, DivideMix's 0.5.
        share_strength: how far class weights follow the estimated true class shares.
    """

    warm_epochs: int = 5
    temperature: float = 0.5
    share_strength: float = 0.0


def fit(
    data: TrainingData,
    params: Params,
    *,
    seed: int,
    device: str,
    checkpoint: Checkpoint | None = None,
) -> Training:
    """Train with the mixture's weights; see ``interface.Fit``."""
    objective = Cleaner(data, params, device)
    return train_heads(data, params, objective, seed=seed, device=device, checkpoint=checkpoint)


class Cleaner(Plain):
    """Targets w * given + (1 - w) * guessed, w = P(clean | loss, given class)."""

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        super().__init__()
        self.data, self.params, self.device = data, params, device
        self.given, self.weights = given_targets(data, params.share_strength, device)
        self.targets = self.given.clone()
        self.share_clean = 1.0

    def start_epoch(self, epoch: int, look: Callable[[], Tensor]) -> None:
        """Fit the mixtures to the losses of now, and mix the targets anew."""
        if epoch < self.params.warm_epochs:
            return
        logits = look().mean(0)
        losses = cross_entropy(logits, self.given).cpu().numpy().astype(np.float64)
        clean = class_clean_probs(losses, self.data.given_labels, self.data.n_classes)
        self.share_clean = float(clean[self.data.is_labelled].mean())
        w = to_device(clean, self.device).unsqueeze(1)
        guessed = (logits / self.params.temperature).softmax(-1)
        self.targets.copy_(w * self.given + (1 - w) * guessed)

    def loss(self, batch: Batch) -> Tensor:
        """Return the cross-entropy against the mixed targets."""
        rows = cross_entropy(batch.logits, self.targets[batch.rows])
        return (rows * self.weights[batch.rows]).mean()

    def memory(self) -> dict[str, Tensor]:
        """Return the targets."""
        return {"targets": self.targets}

    def metrics(self) -> dict[str, float]:
        """Return the mean probability of being clean."""
        return {"clean": self.share_clean}
