"""OPL: hidden features of one class point one way, those of different classes at right angles.

Source: Ranasinghe, Naseer, Hayat, Khan, Khan, Orthogonal Projection Loss, ICCV 2021,
arXiv:2103.14021 (known from the authors' code, ``kahnchana/opl``): cross-entropy plus the loss of
``hidden_losses.orthogonal_projection``; the weights are those of its README, for the defaults of
its script are others. It shapes a layer below the last one: with a linear head on frozen features
there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noisefix.training.head_training import head_method
from noisefix.training.hidden_losses import orthogonal_projection
from noisefix.training.interface import TrainingData
from noisefix.training.methods import ce
from noisefix.training.objective import Batch, hidden_of, need_hidden

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Params(ce.Params):
    """Options.

    Attributes:
        head: "mlp", for something to shape; "linear" is only for an encoder that learns along.
        strength: of the loss on hidden features beside cross-entropy, the paper's lambda.
        gamma: weight of rows of different classes.
    """

    head: str = "mlp"
    strength: float = 1.0
    gamma: float = 0.5


class Orthogonal(ce.GivenLabels):
    """Cross-entropy plus strength * orthogonal projection."""

    params: Params

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        need_hidden(data, params, "opl")
        super().__init__(data, params, device)

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch."""
        shaped = orthogonal_projection(
            hidden_of(batch), self.targets[batch.rows], self.params.gamma
        )
        return super().loss(batch) + self.params.strength * shaped


fit = head_method(Orthogonal)
