"""Repair: plain training on the labels as the detect stage (or an annotator) would have them.

A row whose label was decided upon counts with that label, a row that is not flagged with its given
one; a flagged row with its estimated distribution over true labels, so that it pulls a little at
each of its plausible classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisefix.training.head_training import head_method
from noisefix.training.interface import TrainingData
from noisefix.training.objective import HeadParams, Objective
from noisefix.training.targets import believed_labels, one_hot, to_device


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


class Repaired(Objective):
    """Cross-entropy towards the repaired labels, on the rows that have one."""

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        targets = repaired_targets(data, is_soft=params.is_soft, flatten=params.flatten)
        rows = np.flatnonzero(targets.any(axis=1) & data.is_labelled)
        super().__init__(to_device(targets, device), rows=rows)


fit = head_method(Repaired)
