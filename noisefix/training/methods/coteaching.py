"""Co-teaching: two heads, each taught by the rows that the other finds easy.

Source: Han et al., Co-teaching: Robust Training of Deep Neural Networks with Extremely Noisy
Labels, NeurIPS 2018, arXiv:1804.06872, algorithm 1: in epoch T = 1, 2, .. a share
R(T) = 1 - min(T / T_k, 1) tau of the batch is kept. The rule, T_k = 10 and the exchange agree with
the authors' code (``bhanML/Co-teaching``).

Limit: the paper's two networks err differently because they start differently. Linear heads on the
same features come out alike, so that what is left is the choice of small losses; an ``mlp`` differs
more. The classifier averages both, the paper reports each by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noisefix.errors import UsageError
from noisefix.training.head_training import head_method
from noisefix.training.interface import TrainingData
from noisefix.training.methods import ce
from noisefix.training.objective import Batch

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Params(ce.Params):
    """Options.

    Attributes:
        forget_rate: share of a batch that is left out in the end; None: the estimated noise rate,
            as the paper has it.
        ramp: epochs over which that share grows from 0, the paper's T_k.
    """

    forget_rate: float | None = None
    ramp: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.forget_rate is not None and not 0 <= self.forget_rate < 1:
            raise UsageError(f"forget_rate is {self.forget_rate}", "it must lie in 0 to below 1")


class CoTeaching(ce.GivenLabels):
    """Each head learns from the (1 - R) share of the batch with the other head's least loss.

    The classifier averages both heads.
    """

    n_heads = 2

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        super().__init__(data, params, device)
        rate = params.forget_rate
        rate = float(data.need("noise_rate", "coteaching")) if rate is None else rate
        self.rate, self.ramp = min(rate, 0.9), params.ramp
        self.forgotten = 0.0

    def start_epoch(self, epoch: int, look: object) -> None:
        """Raise the share that is left out."""
        self.forgotten = self.rate * min((epoch + 1) / max(self.ramp, 1), 1.0)

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss over the rows that the other head chose."""
        rows = self.row_losses(batch)  # (2, B)
        kept = max(1, round((1 - self.forgotten) * len(batch.rows)))
        easy = rows.detach().argsort(dim=1, stable=True)[:, :kept].flip(0)  # the other's choice
        weights = self.weights[batch.rows].expand_as(rows)
        return (rows * weights).gather(1, easy).mean(1).sum()

    def metrics(self) -> dict[str, float]:
        """Return the share that is left out."""
        return {"forgotten": self.forgotten}


fit = head_method(CoTeaching)
