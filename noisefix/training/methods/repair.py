"""Repair: plain training on the labels as the detect stage (or an annotator) would have them.

A row whose label was decided upon counts with that label, a row that is not flagged with its given
one; a flagged row with its estimated distribution over true labels, so that it pulls a little at
each of its plausible classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.training.interface import Checkpoint, Training, TrainingData
from noisefix.training.loop import Batch, HeadParams, Plain, train_heads
from noisefix.training.losses import cross_entropy
from noisefix.training.targets import believed_labels, one_hot, to_device

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Params(HeadParams):
    """Options.

    Attributes:
        is_soft: train on distributions; False: on their argmax.
        flatten: power of each class's mean by which its targets are divided before they are
            normalised again: 0 = take the estimated shares as they are, 1 = all classes equal.
    """

    is_soft: bool = True
    flatten: float = 0.0


def fit(
    data: TrainingData,
    params: Params,
    *,
    seed: int,
    device: str,
    checkpoint: Checkpoint | None = None,
) -> Training:
    """Train on the repaired labels; see ``interface.Fit``."""
    repaired = repaired_targets(data, is_soft=params.is_soft, flatten=params.flatten)
    targets = to_device(repaired, device)

    def loss(batch: Batch) -> Tensor:
        return cross_entropy(batch.logits, targets[batch.rows]).mean()

    return train_heads(
        data,
        params,
        Plain(loss),
        seed=seed,
        device=device,
        rows=np.flatnonzero(repaired.any(axis=1) & data.is_labelled),
        checkpoint=checkpoint,
    )


def repaired_targets(
    data: TrainingData, *, is_soft: bool = True, flatten: float = 0.0
) -> np.ndarray:
    """Return (N, K) float32 targets; rows sum to 1, or are all 0 where a row was dropped."""
    probs = believed_labels(data, "repair")
    if flatten > 0:
        means = np.maximum(probs[data.is_labelled].mean(axis=0), 1e-4)
        probs = probs / means**flatten
        probs /= probs.sum(axis=1, keepdims=True)
    targets = probs if is_soft else one_hot(probs.argmax(axis=1), data.n_classes)
    targets = np.array(targets, np.float32)
    if data.repaired_labels is not None:
        changed = data.repaired_labels != data.given_labels
        targets[changed] = one_hot(data.repaired_labels[changed], data.n_classes)
    return targets
