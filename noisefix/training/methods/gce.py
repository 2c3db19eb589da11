"""Generalised cross-entropy: a loss between cross-entropy and the mean absolute error.

Source: Zhang & Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks with
Noisy Labels, NeurIPS 2018, arXiv:1805.07836: the L_q loss, the negative Box-Cox transformation of
the label's probability, with q = 0.7. Formula and default agree with the public code of
``AlanChou/Truncated-Loss`` and of the authors of symmetric cross-entropy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noisefix.errors import UsageError
from noisefix.training.head_training import head_method
from noisefix.training.interface import TrainingData
from noisefix.training.losses import generalised_cross_entropy
from noisefix.training.methods import ce
from noisefix.training.objective import Batch, Objective
from noisefix.training.targets import given_targets, rows_with_targets, start_ids

if TYPE_CHECKING:
    from torch import Tensor

PENALTY_SHARE = 0.3


@dataclass(frozen=True)
class Params(ce.Params):
    """Options.

    Attributes:
        q: 0 = cross-entropy, 1 = mean absolute error; the paper's 0.7.
        ramp: share of the training over which q rises from 0. The paper begins at q; with tens of
            classes every label is improbable then, and nothing pulls.
        penalty: None: three tenths of what other heads have, for the gradients are smaller too.
    """

    q: float = 0.7
    ramp: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.q <= 1 or not 0 <= self.ramp <= 1:
            raise UsageError(f"q is {self.q}, ramp {self.ramp}", "both must lie in 0 to 1")


class Generalised(Objective):
    """(1 - p^q) / q.

    A row's gradient is that of cross-entropy times p^q, so that rows whose label the model finds
    improbable pull next to nothing. The paper's truncated variant, in which rows with p at most 0.5
    do not pull at all, is left out: ``prune`` knows better which rows to leave.
    """

    penalty_share = PENALTY_SHARE

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        targets, weights = given_targets(data, params.share_strength, device, params.start)
        super().__init__(start_ids(targets), weights, rows_with_targets(data, targets))
        self.params = params

    def row_losses(self, batch: Batch) -> Tensor:
        """Return the loss with the q of now, (1, B)."""
        ramp = self.params.ramp
        risen = min(batch.progress / ramp, 1.0) if ramp else 1.0
        labels = self.targets[batch.rows]
        return generalised_cross_entropy(batch.logits, labels, risen * self.params.q)


fit = head_method(Generalised)
