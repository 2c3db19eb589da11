"""NMTune: a hidden layer that stays near the features, but spreads what they hold more evenly.

Written against noise in what an encoder was pre-trained on, and for texts from elsewhere: judge it
by rows of another source.

Source: Chen, Wang, et al., Understanding and Mitigating the Label Noise in Pre-training on
Downstream Tasks, ICLR 2024 (known from the authors' code, ``Hhhhhhao/Noisy-Model-Learning``):
cross-entropy on h, plus the mean square of h / |h| - z / |z|, plus 0.04 times the covariances
between hidden features, minus 0.001 times the share of the five largest singular values. Decisions:
the hidden layer is as wide as the features, so that the two can be compared (theirs has a wider one
in between); one view of each row; eigenvalues of products instead of a decomposition in each step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from noisefix.training.head_training import train_heads
from noisefix.training.hidden_losses import kept_shape, off_covariance, top_share
from noisefix.training.interface import Checkpoint, Training, TrainingData
from noisefix.training.methods import ce
from noisefix.training.objective import Batch, hidden_of

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Params(ce.Params):
    """Options; the weights are the authors'.

    Attributes:
        consistency: weight of how far hidden features are from the features.
        covariance: weight of the covariances between hidden features.
        dominance: weight of the share of the largest singular values, which is to be high.
    """

    consistency: float = 1.0
    covariance: float = 0.04
    dominance: float = 0.001


class Evened(ce.GivenLabels):
    """Cross-entropy and three terms on the hidden layer."""

    params: Params

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch."""
        hidden = hidden_of(batch)
        near = kept_shape(hidden, batch.features)
        apart, top = off_covariance(hidden), top_share(hidden)
        params = self.params
        terms = params.consistency * near + params.covariance * apart - params.dominance * top
        return super().loss(batch) + terms


def fit(
    data: TrainingData,
    params: Params,
    *,
    seed: int,
    device: str,
    checkpoint: Checkpoint | None = None,
) -> Training:
    """Train a hidden layer as wide as the features, and a head on it; see ``interface.Fit``."""
    data.check_frozen("nmtune")
    wide = replace(params, head="mlp", hidden=data.features.shape[1])
    objective = Evened(data, wide, device)
    return train_heads(data, wide, objective, seed=seed, device=device, checkpoint=checkpoint)
