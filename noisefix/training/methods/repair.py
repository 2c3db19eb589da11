"""Repair: plain training on the labels as the detect stage (or an annotator) would have them.

A row whose label was decided upon counts with that label, a row that is not flagged with its given
one; a flagged row with its estimated distribution over true labels, so that it pulls a little at
each of its plausible classes.

``weight=confidence`` lets each row count by the largest probability of its target as well: the
row weights of Sarkhel et al., arXiv:2404.00488 (known from its abstract), on repaired labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisefix.errors import UsageError
from noisefix.training.head_training import head_method
from noisefix.training.interface import TrainingData
from noisefix.training.objective import HeadParams, Objective
from noisefix.training.targets import repaired_targets, to_device


@dataclass(frozen=True)
class Params(HeadParams):
    """Options.

    Attributes:
        is_soft: train on distributions; False: on their argmax.
        flatten: power of each class's mean by which its targets are divided before they are
            normalised again: 0 = take the estimated shares as they are, 1 = all classes equal.
        weight: "none": all rows count alike; "confidence": by their target's largest probability.
    """

    is_soft: bool = True
    flatten: float = 0.0
    weight: str = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weight not in ("none", "confidence"):
            raise UsageError(f"weight {self.weight!r} is unknown", "choose none or confidence")


class Repaired(Objective):
    """Cross-entropy towards the repaired labels, on the rows that have one."""

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        targets = repaired_targets(data, is_soft=params.is_soft, flatten=params.flatten)
        rows = np.flatnonzero(targets.any(axis=1) & data.is_labelled)
        sure = targets.max(axis=1) if params.weight == "confidence" else None
        weights = None if sure is None else to_device(sure, device)
        super().__init__(to_device(targets, device), weights, rows)


fit = head_method(Repaired)
