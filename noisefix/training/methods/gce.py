"""Generalised cross-entropy: a loss between cross-entropy and the mean absolute error.

Source: Zhang & Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks with
Noisy Labels, NeurIPS 2018, arXiv:1805.07836: the L_q loss, the negative Box-Cox transformation of
the label's probability, with q = 0.7. Formula and default agree with the public code of
``AlanChou/Truncated-Loss`` and of the authors of symmetric cross-entropy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from noisefix.errors import UsageError
from noisefix.training.interface import Checkpoint, Training, TrainingData
from noisefix.training.loop import Batch, HeadParams, Plain, train_heads
from noisefix.training.losses import generalised_cross_entropy
from noisefix.training.penalty import settled_penalty
from noisefix.training.targets import given_weights, to_device

if TYPE_CHECKING:
    from torch import Tensor

PENALTY_SHARE = 0.3


@dataclass(frozen=True)
class Params(HeadParams):
    """Options.

    Attributes:
        q: 0 = cross-entropy, 1 = mean absolute error; the paper's 0.7.
        ramp: share of the training over which q rises from 0. The paper begins at q; with tens of
            classes every label is improbable then, and nothing pulls.
        share_strength: how far class weights follow the estimated true class shares.
        penalty: None: three tenths of what other heads have, for the gradients are smaller too.
    """

    q: float = 0.7
    ramp: float = 0.5
    share_strength: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.q <= 1 or not 0 <= self.ramp <= 1:
            raise UsageError(f"q is {self.q}, ramp {self.ramp}", "both must lie in 0 to 1")


def fit(
    data: TrainingData,
    params: Params,
    *,
    seed: int,
    device: str,
    checkpoint: Checkpoint | None = None,
) -> Training:
    """Train with (1 - p^q) / q; see ``interface.Fit``.

    A row's gradient is that of cross-entropy times p^q, so that rows whose label the model finds
    improbable pull next to nothing. The paper's truncated variant, in which rows with p at most 0.5
    do not pull at all, is left out: ``prune`` knows better which rows to leave.
    """
    if params.penalty is None:
        params = replace(params, penalty=PENALTY_SHARE * settled_penalty(data, params))
    labels = to_device(data.given_labels.clip(min=0), device)
    weights = given_weights(data, params.share_strength, device)

    def loss(batch: Batch) -> Tensor:
        risen = min(batch.progress / params.ramp, 1.0) if params.ramp else 1.0
        rows = generalised_cross_entropy(batch.logits, labels[batch.rows], risen * params.q)
        return (rows * weights[batch.rows]).mean()

    return train_heads(data, params, Plain(loss), seed=seed, device=device, checkpoint=checkpoint)
