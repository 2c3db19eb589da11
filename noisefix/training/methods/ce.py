"""Plain cross-entropy on the given labels: what every other method is held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noisefix.training.head_training import head_method
from noisefix.training.interface import TrainingData
from noisefix.training.objective import HeadParams, Objective
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


class GivenLabels(Objective):
    """Cross-entropy on the given labels as they are.

    A linear head converges to scikit-learn's ``LogisticRegression`` of the same penalty.
    """

    weights: Tensor

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        super().__init__(*given_targets(data, params.share_strength, device))
        self.params = params


fit = head_method(GivenLabels)
