"""What a training method brings to the loop, and what it gets of each batch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.errors import UsageError
from noisefix.training.losses import cross_entropy

if TYPE_CHECKING:
    from torch import Tensor

    from noisefix.training.interface import TrainingData


@dataclass(frozen=True)
class HeadParams:
    """Options that all methods with a head share.

    Attributes:
        epochs: passes over the rows, at most.
        batch_size: rows in a step, at most: an epoch has 16 steps or more, so that few rows are
            learned as well.
        learning_rate: Adam's, at its highest.
        warmup: share of the steps in which the rate rises; a half cosine then takes it to 0.
        penalty: L2, as scikit-learn's 1 / C: half the squared weights, times penalty / N, are added
            to the mean loss; None: chosen by ``penalty.choose_penalty`` for a linear head on frozen
            features, else 0.1.
        ema_decay: of the running average of the weights, which is what is returned; 0 = the last.
        head: "linear" or "mlp".
        hidden: units of an mlp's hidden layer.
        dropout: of these units, in training.
        weight_noise: standard deviation of the noise in the last layer's weights, drawn anew in
            every step: a ridge that the data shape (``heads.shaken``); 0 = none.
        patience: epochs without a better criterion after which to stop and take the best; 0: train
            to the end, and take that.
    """

    epochs: int = 40
    batch_size: int = 64
    learning_rate: float = 0.02
    warmup: float = 0.06
    penalty: float | None = None
    ema_decay: float = 0.98
    head: str = "linear"
    hidden: int = 256
    dropout: float = 0.0
    weight_noise: float = 0.0
    patience: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "hidden"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}", "it must be at least 1")
        if not 0 < self.learning_rate < math.inf:
            raise UsageError(f"learning_rate is {self.learning_rate}", "it must be above 0")
        for name in ("warmup", "ema_decay", "dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}", "it must lie in 0 to below 1")
        if min(self.penalty or 0.0, self.patience, self.weight_noise) < 0:
            raise UsageError(
                "penalty, patience or weight_noise is negative", "they must be 0 or above"
            )


@dataclass(frozen=True, eq=False)
class Batch:
    """One step's rows.

    Attributes:
        rows: (B,) int64 places in the training data.
        features: (B, D), or (M, B, D) where the heads have features of their own.
        logits: (M, B, K).
        progress: share of all steps that are done, 0 .. 1.
        forward: features to logits, with the same heads: for methods that mix rows.
        rng: randomness of this epoch.
        last_features: features to what the last layer sees, (M, B, H); None: not told.
    """

    rows: Tensor
    features: Tensor
    logits: Tensor
    progress: float
    forward: Callable[[Tensor], Tensor]
    rng: np.random.Generator
    last_features: Callable[[Tensor], Tensor] | None = None


class Objective:
    """What makes a method; the base is cross-entropy towards fixed targets, and remembers nothing.

    Attributes:
        n_heads: M; all heads share one encoder.
        penalty_share: of the penalty that is chosen where ``HeadParams`` names none.
        targets: (N, K) distributions, or (N,) class ids.
        weights: (N,) how much each row counts; None: all alike.
        rows: (R,) rows to train on; None: the labelled ones.
    """

    n_heads = 1
    penalty_share = 1.0

    def __init__(
        self, targets: Tensor, weights: Tensor | None = None, rows: np.ndarray | None = None
    ) -> None:
        self.targets, self.weights, self.rows = targets, weights, rows

    def start_epoch(self, epoch: int, look: Callable[[], Tensor]) -> None:
        """Prepare epoch 0, 1, ..; ``look()`` returns the logits of all rows now, (M, N, K)."""

    def row_losses(self, batch: Batch) -> Tensor:
        """Return the losses of a batch's rows, (M, B) or (B,)."""
        return cross_entropy(batch.logits, self.targets[batch.rows])

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        losses = self.row_losses(batch)
        return (losses if self.weights is None else losses * self.weights[batch.rows]).mean()

    def memory(self) -> dict[str, Tensor]:
        """Return what it remembers from step to step; updated in place when training goes on."""
        return {}

    def metrics(self) -> dict[str, float]:
        """Return small facts about the epoch."""
        return {}


def need_hidden(data: TrainingData, params: HeadParams, method: str) -> None:
    """Refuse a linear head on frozen features, for methods that shape what is below it.

    Raises:
        UsageError: there is nothing below it.
    """
    if data.tuning is None and params.head == "linear":
        raise UsageError(
            f"--method {method} shapes the layer below the last: a linear head on frozen features "
            "has none",
            "use --set head=mlp, or --features finetune",
        )


def hidden_of(batch: Batch) -> Tensor:
    """Return (M, B, H) what the last layer sees of a batch."""
    if batch.last_features is None:
        raise TypeError("this batch does not tell what the last layer sees")
    return batch.last_features(batch.features)
