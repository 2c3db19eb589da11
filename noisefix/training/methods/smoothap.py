"""Smoothap: two classes, of which one is to be found first; trained on average precision.

For users who rank: rare positives, of which somebody looks at the first hundred. The loss is
cross-entropy plus strength * (1 - smooth average precision) of a batch's rows, ranked by their
probability; a row's target is the probability that it is positive: 1 - p_error where it was given
that class, p_error where it was given the other. The cross-entropy keeps probabilities meaningful,
and moves rows that are too far apart for the other part to have a slope.

Source: Brown et al., Smooth-AP, ECCV 2020, arXiv:2007.12163; CoTAP, 2025 (known from its abstract),
for continuous targets against noise. Decisions: targets from the detect stage; the positive class
is the rarer one among the given labels unless it is named; large batches, so that few are without
a positive row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.errors import DataError, UsageError
from noisefix.training.head_training import head_method
from noisefix.training.interface import TrainingData
from noisefix.training.losses import smooth_average_precision
from noisefix.training.objective import Batch, HeadParams, Objective
from noisefix.training.targets import to_device

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Params(HeadParams):
    """Options.

    Attributes:
        batch_size: rows that are ranked together.
        positive: name of the class to be found; "": the rarer one.
        width: of the sigmoid that stands for "ranked above", in probability.
        strength: of the ranking beside cross-entropy.
    """

    batch_size: int = 256
    positive: str = ""
    width: float = 0.01
    strength: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.width < math.inf:
            raise UsageError(f"width is {self.width}", "it must be above 0")
        if not 0 <= self.strength < math.inf:
            raise UsageError(f"strength is {self.strength}", "it must be 0 or above")


def positive_class(data: TrainingData, name: str) -> int:
    """Return the id of the class to be found.

    Args:
        data: of two classes.
        name: of the class; "": the rarer one among the given labels.

    Raises:
        DataError: there are more classes than two.
        UsageError: there is none of this name.
    """
    if data.n_classes != 2:
        raise DataError(
            f"--method smoothap is for two classes, and there are {data.n_classes}",
            "train with another method, and rank by the probability of the class that counts",
        )
    if not name:
        counts = np.bincount(data.given_labels[data.is_labelled], minlength=2)
        return int(counts.argmin())
    if name not in data.class_names:
        known = ", ".join(repr(known) for known in data.class_names)
        raise UsageError(f"positive {name!r} is no class", f"choose one of {known}")
    return data.class_names.index(name)


class Ranked(Objective):
    """Cross-entropy towards the estimated labels, and their average precision."""

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        self.params = params
        self.positive = positive_class(data, params.positive)
        wrong = np.nan_to_num(data.need("p_error", "smoothap"), nan=0.5)
        is_given = data.given_labels == self.positive
        probs = np.where(is_given, 1 - wrong, wrong)
        targets = np.stack([1 - probs, probs], axis=1)
        if self.positive == 0:
            targets = targets[:, ::-1]
        super().__init__(to_device(targets, device))

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch."""
        scores = batch.logits.softmax(-1)[..., self.positive]
        wanted = self.targets[batch.rows][:, self.positive]
        missed = 1 - smooth_average_precision(scores, wanted, self.params.width)
        return super().loss(batch) + self.params.strength * missed.mean()


fit = head_method(Ranked)
