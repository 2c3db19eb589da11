"""Early-learning regularisation: predictions are held to a running average of themselves.

Source: Liu, Niles-Weed, Razavian, Fernandez-Granda, Early-Learning Regularization Prevents
Memorization of Noisy Labels, NeurIPS 2020, arXiv:2007.00151: the loss of section 4.2, its gradient
in lemma 2, and the running average of section 4.3, which begins at zero. Formulas and beta agree
with the authors' code (``shengliu66/ELR``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noisefix.training.head_training import head_method
from noisefix.training.interface import TrainingData
from noisefix.training.losses import early_learning
from noisefix.training.methods import ce
from noisefix.training.objective import Batch

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Params(ce.Params):
    """Options; beta is the paper's for ten classes.

    Attributes:
        beta: how much of the running average stays at each look at a row.
        strength: weight of the regulariser, the paper's lambda (3 for ten classes of pictures; a
            head on frozen features needs less).
        ramp: share of the steps over which that weight rises, by the authors' sigmoid ramp-up. They
            use it in ELR+ with a hundred classes only; here heads start at zero, and would
            otherwise be held to saying the commonest class of every row. 0: no ramp.
    """

    beta: float = 0.7
    strength: float = 1.0
    ramp: float = 0.5


class EarlyLearning(ce.GivenLabels):
    """Cross-entropy plus strength * log(1 - <p, t>), t the running average of p."""

    params: Params

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        import torch

        super().__init__(data, params, device)
        self.averages = torch.zeros(len(data.features), data.n_classes, device=device)

    def loss(self, batch: Batch) -> Tensor:
        """Update the rows' averages, and return the loss of the batch."""
        probs = batch.logits.detach().softmax(-1).mean(0).clamp(1e-4, 1 - 1e-4)  # (B, K)
        kept = self.params.beta * self.averages[batch.rows]
        averages = kept + (1 - self.params.beta) * probs / probs.sum(-1, keepdim=True)
        self.averages[batch.rows] = averages
        phase = 1 - min(batch.progress / self.params.ramp, 1.0) if self.params.ramp else 0.0
        strength = self.params.strength * math.exp(-5 * phase**2)  # sigmoid ramp-up
        rows = super().row_losses(batch) * self.weights[batch.rows]
        return (rows + strength * early_learning(batch.logits, averages)).mean()

    def memory(self) -> dict[str, Tensor]:
        """Return the running averages."""
        return {"averages": self.averages}


fit = head_method(EarlyLearning)
