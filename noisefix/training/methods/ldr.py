"""ALDR-KL: a label-distributionally robust loss whose temperature adapts to each row.

Source: Zhu, Ying, Yang, Label Distributionally Robust Losses for Multi-class Classification:
Consistency, Robustness and Adaptivity, ICML 2023, PMLR 202:43289, arXiv:2112.14869. Normalised
logits, the margin 0.1 and alpha = 2 log K / temperature are those of the authors' code
(``Optimization-AI/ICML2023_LDR``); what differs is said at ``losses.adaptive_ldr``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noisefix.training.head_training import head_method
from noisefix.training.interface import TrainingData
from noisefix.training.losses import adaptive_ldr, bounded_logits
from noisefix.training.methods import ce
from noisefix.training.objective import Batch, Objective
from noisefix.training.targets import given_targets, rows_with_targets, start_ids

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Params(ce.Params):
    """Options.

    Attributes:
        alpha: how dear it is to leave the temperature, in units of log K (so that it means the same
            for any number of classes); above 1 the rows' temperatures stay positive.
        temperature: of a row about which nothing is known yet. The authors choose among 0.1, 1 and
            10 by cross-validation; the higher, the less a row that contradicts the model pulls: 10
            keeps an mlp from learning noise by heart, which linear heads hardly do.
        margin: by which the label's logit should lead.
    """

    alpha: float = 2.0
    temperature: float = 1.0
    margin: float = 0.1


class Robust(Objective):
    """The ALDR-KL loss."""

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        targets, weights = given_targets(data, params.share_strength, device, params.start)
        super().__init__(start_ids(targets), weights, rows_with_targets(data, targets))
        self.params = params
        self.alpha = params.alpha * math.log(data.n_classes) / params.temperature

    def row_losses(self, batch: Batch) -> Tensor:
        """Return the losses, (1, B)."""
        logits, labels = bounded_logits(batch.logits), self.targets[batch.rows]
        return adaptive_ldr(logits, labels, self.alpha, self.params.temperature, self.params.margin)


fit = head_method(Robust)
