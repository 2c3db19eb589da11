"""OLR: a label gives way to what several heads agree on more and more, and have long agreed on.

Source: Online label refinement, arXiv:2604.03993 (known from its abstract and summaries), for
language models that learn from checkable answers: a label is replaced by the majority of many
answers where that majority's share rises and has been the same for long. Its window and thresholds
are not known. Decisions: the answers are those of heads on bootstrap samples of the rows, for one
convex head gives the same answer every time; a label is looked at anew each epoch; and no more
labels of a class give way than the detect stage expects to be wrong in it, those first whose
majority rises most and is steadiest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.errors import UsageError
from noisefix.training.head_training import head_method
from noisefix.training.interface import TrainingData
from noisefix.training.losses import cross_entropy
from noisefix.training.methods import ce
from noisefix.training.objective import Batch
from noisefix.training.targets import one_hot, to_device

if TYPE_CHECKING:
    from torch import Tensor

N_HEADS = 5


@dataclass(frozen=True)
class Params(ce.Params):
    """Options.

    Attributes:
        warm_epochs: before the first label gives way.
        window: epochs over which a share is to rise.
        consistency: share of the epochs so far in which the majority was the same, at least.
    """

    warm_epochs: int = 5
    window: int = 5
    consistency: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.window < 2 or not 0 <= self.consistency <= 1:
            raise UsageError("window must be at least 2, consistency lie in 0 to 1")


def slopes(shares: np.ndarray) -> np.ndarray:
    """Return (N,) how steeply (W, N) values of W epochs rise, by least squares."""
    epochs = np.arange(len(shares)) - (len(shares) - 1) / 2
    risen: np.ndarray = epochs @ shares / (epochs @ epochs)
    return risen


def rows_to_refine(
    labels: np.ndarray,
    majority: np.ndarray,
    rise: np.ndarray,
    steady: np.ndarray,
    expected: np.ndarray,
    consistency: float,
) -> np.ndarray:
    """Return (N,) bool: rows whose label gives way.

    Args:
        labels: (N,) class ids, -1 = unlabelled.
        majority: (N,) what most heads say.
        rise: (N,) slope of the majority's share.
        steady: (N,) share of the epochs in which the majority was this one.
        expected: (K,) how many labels of each given class may give way.
        consistency: least ``steady``.
    """
    wanted = (labels >= 0) & (majority != labels) & (rise > 0) & (steady >= consistency)
    chosen = np.zeros(len(labels), dtype=bool)
    for label, most in enumerate(expected):
        members = np.flatnonzero(wanted & (labels == label))
        order = np.argsort(-(rise * steady)[members], kind="stable")
        chosen[members[order[: int(most)]]] = True
    return chosen


class Refined(ce.GivenLabels):
    """Cross-entropy of several heads towards labels that are refined each epoch."""

    n_heads = N_HEADS
    params: Params

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        import torch

        super().__init__(data, params, device)
        n_rows, k = len(data.given_labels), data.n_classes
        self.labels, self.device = data.given_labels, device
        p_error = np.ones(n_rows) if data.p_error is None else np.nan_to_num(data.p_error)
        labelled = data.is_labelled
        self.expected = np.bincount(self.labels[labelled], p_error[labelled], minlength=k)
        rng = np.random.default_rng(len(self.rows))
        drawn = np.zeros((N_HEADS, n_rows), np.float32)
        for counts in drawn:
            np.add.at(counts, rng.choice(self.rows, len(self.rows)), 1)
        self.drawn = to_device(drawn, device)
        self.own = self.targets.clone()
        self.shares = torch.zeros(params.window, n_rows, device=device)
        self.votes = torch.zeros(n_rows, k, device=device)
        self.refined = 0.0

    def start_epoch(self, epoch: int, look: Callable[[], Tensor]) -> None:
        """Ask all heads, and refine."""
        if epoch == 0:
            return
        answers = look().argmax(-1)  # (M, N)
        counts = self.votes.new_zeros(self.votes.shape)
        for one in answers:
            counts.scatter_add_(1, one.unsqueeze(1), counts.new_ones(len(one), 1))
        share, majority = (counts / len(answers)).max(1)
        self.shares.copy_(self.shares.roll(-1, 0))
        self.shares[-1] = share
        self.votes.scatter_add_(1, majority.unsqueeze(1), share.new_ones(len(share), 1))
        if epoch < max(self.params.warm_epochs, self.params.window):
            return
        found = majority.cpu().numpy()
        chosen = rows_to_refine(
            self.labels,
            found,
            slopes(self.shares.cpu().numpy().astype(np.float64)),
            (self.votes.gather(1, majority.unsqueeze(1)).squeeze(1) / epoch).cpu().numpy(),
            self.expected,
            self.params.consistency,
        )
        self.targets.copy_(self.own)
        new = to_device(one_hot(found[chosen], self.targets.shape[1]), self.device)
        self.targets[to_device(np.flatnonzero(chosen), self.device)] = new
        self.refined = float(chosen.mean())

    def row_losses(self, batch: Batch) -> Tensor:
        """Return each head's losses on its own sample of the rows, (M, B)."""
        losses = cross_entropy(batch.logits, self.targets[batch.rows])
        return losses * self.drawn[:, batch.rows] * self.n_heads  # heads learn as if alone

    def memory(self) -> dict[str, Tensor]:
        """Return targets, and what the heads said so far."""
        return {"targets": self.targets, "shares": self.shares, "votes": self.votes}

    def metrics(self) -> dict[str, float]:
        """Return the share of refined rows."""
        return {"refined": self.refined}


fit = head_method(Refined)
