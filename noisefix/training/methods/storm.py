"""STORM: a small model learns how much each row should count, by what that does to other rows.

For each given class a rescaler turns what is seen of a row (its loss, what the model says of it,
and how that is among its like) into a weight. It learns from a step of the model that is only
tried: the weights are better the lower the loss of other rows after it.

Source: Heck et al., Learning from Noisy Labels via Self-Taught On-the-Fly Meta Loss Rescaling, AAAI
2025, arXiv:2412.12955 (known from the authors' code). Decisions: nine inputs, without passes under
dropout, which a linear head does not have; the step that is tried is a plain one, worked out in
closed form. Weights have mean 1 among a batch's rows of each given class, and those means carry
gradient: without, the tried step gets better by all weights growing at once, and rows with wrong
labels, whose steps are large, come out heaviest. Normalised over the whole batch one class wins; a
factor that keeps the total loss makes the gradient exactly 0. ``meta_weights=p_error`` lets the
other rows count by the detect stage's 1 - p_error, and breaks the circle of noisy rows that judge
noisy rows; the paper's is ``self``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.errors import UsageError
from noisefix.training.head_training import head_method
from noisefix.training.interface import TrainingData
from noisefix.training.losses import cross_entropy, pick
from noisefix.training.methods import ce
from noisefix.training.objective import Batch
from noisefix.training.targets import to_device

if TYPE_CHECKING:
    from torch import Tensor

N_INPUTS = 9
_DECAYS = (0.9, 0.999)  # Adam's


@dataclass(frozen=True)
class Params(ce.Params):
    """Options.

    Attributes:
        warm_epochs: of plain training, before rows count by the rescaler.
        meta_weights: by what other rows count: "self", the rescaler's weights, or "p_error".
        meta_rate: learning rate of the rescaler.
        tried_rate: learning rate of the step that is tried.
    """

    warm_epochs: int = 3
    meta_weights: str = "p_error"
    meta_rate: float = 0.01
    tried_rate: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.meta_weights not in ("self", "p_error"):
            raise UsageError(f"meta_weights {self.meta_weights!r} is unknown", "self or p_error")
        if min(self.meta_rate, self.tried_rate) <= 0:
            raise UsageError("meta_rate and tried_rate must be above 0")


def row_inputs(logits: Tensor, targets: Tensor) -> Tensor:
    """Return (N, 9) what the rescaler sees of each row, each column standardised.

    Loss, probability of the label, entropy, largest probability, whether model and label agree;
    and among the rows of the same label that agree, or do not, as this one: mean and deviation of
    loss and of probability.

    Args:
        logits: (N, K).
        targets: (N, K); the label is the likeliest.
    """
    import torch

    labels = targets.argmax(1)
    logs = logits.log_softmax(-1)
    own, entropy = pick(logs, labels).exp(), -(logs.exp() * logs).sum(-1)
    loss, largest = cross_entropy(logits, targets), logs.amax(-1).exp()
    agrees = (logits.argmax(-1) == labels).long()
    like = 2 * labels + agrees
    members = logits.new_zeros(len(logits), 2 * logits.shape[-1]).scatter(1, like[:, None], 1.0)
    sizes = members.sum(0).clamp_min(1)
    columns = [loss, own, entropy, largest, agrees.float()]
    for values in (loss, own):
        means = (values @ members) / sizes
        spread = ((values**2 @ members) / sizes - means**2).clamp_min(0).sqrt()
        columns += [means[like], spread[like]]
    inputs = torch.stack(columns, dim=1)
    return (inputs - inputs.mean(0)) / inputs.std(0).clamp_min(1e-6)


def row_weights(rescaler: Tensor, inputs: Tensor, labels: Tensor) -> Tensor:
    """Return (N,) unnormalised weights in (0, 1), by the rescaler (K, 10) of each row's class."""
    import torch

    ones = torch.ones_like(inputs[:, :1])
    return (rescaler[labels] * torch.cat([inputs, ones], dim=1)).sum(1).sigmoid()


def tried_logits(
    weights: Tensor,
    logits: Tensor,
    targets: Tensor,
    features: Tensor,
    other_logits: Tensor,
    other_features: Tensor,
    rate: float,
) -> Tensor:
    """Return (C, K) logits of other rows after one weighted gradient step of a linear head.

    With W' = W - rate X^T diag(w) (p - t) / B, and the bias likewise, logits change by the other
    rows' products with these rows.

    Args:
        weights: (B,) of the rows that are learnt from.
        logits: (B, K) theirs, without gradient.
        targets: (B, K).
        features: (B, D).
        other_logits: (C, K) of the other rows before the step.
        other_features: (C, D).
        rate: of the step.
    """
    pull = weights[:, None] * (logits.softmax(-1) - targets) / len(weights)
    return other_logits - rate * (other_features @ features.T + 1) @ pull


class Rescaled(ce.GivenLabels):
    """Cross-entropy, each row weighted by what is learnt of weights along the way."""

    params: Params

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        import torch

        if params.head != "linear":
            raise UsageError(
                "--method storm tries steps of a linear head only", "leave out --set head"
            )
        data.check_frozen("storm")
        super().__init__(data, params, device)
        n_rows, k = self.targets.shape
        self.features = to_device(data.features, device)
        self.labels = self.targets.argmax(1)
        self.own_weights = self.weights
        self.trust = torch.ones(n_rows, device=device)
        if params.meta_weights == "p_error":
            p_error = np.nan_to_num(data.need("p_error", "storm"), nan=1.0)
            self.trust = to_device(1 - p_error, device)
        self.rescaler = torch.zeros(k, N_INPUTS + 1, device=device)
        self.moments = torch.zeros(2, k, N_INPUTS + 1, device=device)
        self.n_steps = torch.zeros((), device=device)
        self.inputs = torch.zeros(n_rows, N_INPUTS, device=device)
        self.logits = torch.zeros(n_rows, k, device=device)
        self.is_warm = False

    def start_epoch(self, epoch: int, look: Callable[[], Tensor]) -> None:
        """Look at all rows anew."""
        self.is_warm = epoch >= self.params.warm_epochs
        if not self.is_warm:
            return
        rows = to_device(self.rows, str(self.labels.device))
        self.logits.copy_(look().mean(0))
        self.inputs[rows] = row_inputs(self.logits[rows], self.targets[rows])

    def weights_of(self, rescaler: Tensor, rows: Tensor) -> Tensor:
        """Return (B,) weights of rows, whose mean is 1 in each of their classes."""
        labels = self.labels[rows]
        raw = row_weights(rescaler, self.inputs[rows], labels)
        members = raw.new_zeros(len(raw), len(rescaler)).scatter(1, labels[:, None], 1.0)
        means = (raw @ members) / members.sum(0).clamp_min(1)
        return raw / means[labels]

    def loss(self, batch: Batch) -> Tensor:
        """Return the weighted loss of a batch, and teach the rescaler."""
        losses = self.row_losses(batch)
        if not self.is_warm:
            return (losses * self.own_weights[batch.rows]).mean()
        weights = self.weights_of(self.rescaler, batch.rows)
        others = to_device(batch.rng.choice(self.rows, len(batch.rows)), str(losses.device))
        self._learn(batch, others)
        return (losses * weights * self.own_weights[batch.rows]).mean()

    def meta_loss(self, rescaler: Tensor, batch: Batch, others: Tensor) -> Tensor:
        """Return the loss of other rows after a step that is tried with a rescaler's weights."""
        after = tried_logits(
            self.weights_of(rescaler, batch.rows),
            batch.logits[0].detach(),
            self.targets[batch.rows],
            self.features[batch.rows],
            self.logits[others],
            self.features[others],
            self.params.tried_rate,
        )
        trust = self.trust[others]
        if self.params.meta_weights == "self":
            trust = self.weights_of(rescaler, others).detach()
        return (trust * cross_entropy(after, self.targets[others])).mean()

    def _learn(self, batch: Batch, others: Tensor) -> None:
        """Take a step of Adam on the rescaler."""
        import torch

        rescaler = self.rescaler.clone().requires_grad_()
        (slope,) = torch.autograd.grad(self.meta_loss(rescaler, batch, others), rescaler)
        first, second = _DECAYS
        self.n_steps += 1
        self.moments[0].lerp_(slope, 1 - first)
        self.moments[1].lerp_(slope**2, 1 - second)
        step = self.moments[0] / (1 - first**self.n_steps)
        size = (self.moments[1] / (1 - second**self.n_steps)).sqrt() + 1e-8
        self.rescaler -= self.params.meta_rate * step / size

    def memory(self) -> dict[str, Tensor]:
        """Return the rescaler, and what it is taught with."""
        return {
            "rescaler": self.rescaler,
            "moments": self.moments,
            "steps": self.n_steps,
        }


fit = head_method(Rescaled)
