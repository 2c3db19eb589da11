"""Imprecise-label learning: EM over candidate sets with weights instead of one label a row.

E step: what the true label may be, q(y) in proportion to p(y | x) w(y) P(given | y): the model,
the row's candidate weights, and the noise matrix. M step: cross-entropy against q, and the noise
matrix from the q of all rows.

Source: Chen et al., Imprecise Label Learning: A Unified Framework for Learning with Various
Imprecise Label Configurations, NeurIPS 2024, arXiv:2305.12715, section 3: EM over the true label,
maximising E[log p(y | x) + log p(given | y)] under the posterior. The E step agrees with the
authors' code (``Hhhhhhao/General-Framework-Weak-Supervision``) for candidate sets
(q in proportion to p on the set) and for noisy labels (q in proportion to p times the column of the
noise matrix).

Decisions: the M step is EM's own. For noisy labels the paper leaves it: it puts the noise matrix
into the student's side too, adds - log p(given | x), and trains the matrix by gradient; counts are
its exact maximum. A head on frozen features sees one view of a row, so that the weak and the strong
augmentation fall together, and with them the consistency term. A candidate's weight is evidence of
its own (the neighbours' vote), so it multiplies; the given label keeps a place among the
candidates, and of a row that is not flagged it is the only one: EM over all rows of a common class
explains a rare one away. Rows of which a label was ruled out ("not this one") take that in as one
more likelihood in the E step, and learn by - log p(all that was said | x) instead of towards q: by
both the gradient is the same, but the latter needs no epoch to warm up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.training.head_training import head_method
from noisefix.training.interface import TrainingData
from noisefix.training.losses import complementary
from noisefix.training.objective import Batch, HeadParams, Objective
from noisefix.training.targets import given_targets, keeps_label, one_hot, to_device

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Params(HeadParams):
    """Options.

    Attributes:
        warm_epochs: epochs before the model has a say in the E step.
        given_weight: candidate weight that the given label has at least.
        prior_rows: rows that each class of the noise matrix starts with, after the estimate of the
            noise rate: without them EM may explain a class away.
    """

    warm_epochs: int = 3
    given_weight: float = 0.2
    prior_rows: float = 20.0


class Imprecise(Objective):
    """Cross-entropy against the E step's posterior."""

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        weights = data.need("candidate_weights", "ill")
        given = one_hot(data.given_labels, data.n_classes)
        candidates = np.maximum(weights, params.given_weight * given)
        keeps = keeps_label(data)
        candidates[keeps] = given[keeps]
        ruled_out = data.not_likelihood
        rows = None
        if ruled_out is not None:
            candidates, heard = _without(candidates, ruled_out)
            rows = np.flatnonzero(data.is_labelled | heard)
            self.heard = to_device(heard.astype(np.float32), device)
        self.params = params
        self.given, _ = given_targets(data, 0.0, device)
        self.labelled = to_device(data.is_labelled.astype(np.float32), device)
        self.candidates = to_device(candidates, device)
        rate = 0.2 if data.noise_rate is None else float(data.noise_rate)
        k = data.n_classes
        start = np.full((k, k), rate / max(k - 1, 1))  # [true, given]
        np.fill_diagonal(start, 1 - rate)
        self.prior = to_device(start * params.prior_rows, device)
        self.transition = self.prior / self.prior.sum(1, keepdim=True)
        super().__init__(self.posterior(self.candidates), rows=rows)
        self.has_rejections = ruled_out is not None

    def posterior(self, evidence: Tensor) -> Tensor:
        """Return (N, K): evidence times P(given | y), normalised."""
        joint = evidence * self.given_likelihood()
        return joint / joint.sum(1, keepdim=True).clamp_min(1e-12)

    def given_likelihood(self) -> Tensor:
        """Return (N, K): P(given | y), 1 for unlabelled rows."""
        return self.given @ self.transition.T + (1 - self.labelled).unsqueeze(1)

    def row_losses(self, batch: Batch) -> Tensor:
        """Return the losses of a batch's rows, (M, B): see above for rows with a rejection."""
        losses = super().row_losses(batch)
        if not self.has_rejections:
            return losses
        heard = self.heard[batch.rows]
        said = (self.candidates * self.given_likelihood())[batch.rows]
        said = said * heard.unsqueeze(-1) + (1 - heard).unsqueeze(-1)
        return (1 - heard) * losses + heard * complementary(batch.logits, said)

    def start_epoch(self, epoch: int, look: Callable[[], Tensor]) -> None:
        """Take the E step, and update the noise matrix."""
        if epoch < self.params.warm_epochs:
            return
        probs = look().softmax(-1).mean(0)
        self.targets.copy_(self.posterior(self.candidates * probs))
        counts = (self.targets * self.labelled.unsqueeze(1)).T @ self.given + self.prior
        self.transition.copy_(counts / counts.sum(1, keepdim=True))

    def memory(self) -> dict[str, Tensor]:
        """Return the posterior and the noise matrix."""
        return {"targets": self.targets, "transition": self.transition}


def _without(candidates: np.ndarray, ruled_out: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weigh what was ruled out into the candidates; also return of which rows anything was, (N,).

    A row whose every candidate is ruled out may be of any class that is not.
    """
    heard = (ruled_out != ruled_out[:, :1]).any(axis=1)
    weighed = candidates * ruled_out
    empty = heard & (weighed.sum(axis=1) <= 0)
    weighed[empty] = ruled_out[empty]
    weighed[~heard] = candidates[~heard]
    heard &= weighed.sum(axis=1) > 0
    weighed[~heard] = candidates[~heard]
    return weighed, heard


fit = head_method(Imprecise)
