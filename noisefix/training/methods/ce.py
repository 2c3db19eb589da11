"""Plain cross-entropy on the given labels: what every other method is held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.training.head_training import head_method
from noisefix.training.interface import TrainingData
from noisefix.training.objective import HeadParams, Objective
from noisefix.training.targets import check_start, given_targets, rows_with_targets

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Params(HeadParams):
    """Options of plain training.

    Attributes:
        share_strength: how far class weights follow the estimated true class shares; 0 = plain.
        start: "given" for the labels as they are, "repaired" for what ``detect`` (and ``relabel``)
            make of them, as ``repair`` has it.
    """

    share_strength: float = 0.0
    start: str = "given"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_start(self.start, self.share_strength)


class GivenLabels(Objective):
    """Cross-entropy on the given labels as they are.

    A linear head converges to scikit-learn's ``LogisticRegression`` of the same penalty.
    """

    weights: Tensor
    rows: np.ndarray

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        targets, weights = given_targets(data, params.share_strength, device, params.start)
        super().__init__(targets, weights, rows_with_targets(data, targets))
        self.params = params


fit = head_method(GivenLabels)
