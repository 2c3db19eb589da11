"""Absorb: suspicious rows write into weights that are thrown away.

Two heads: one is kept, one is not. Suspicious rows teach the second alone (what the first says of
them counts, but does not learn), rows that are surely right the first alone, all others both. What
was missed among the suspicious rows drifts to where such rows already write.

Source: Shilov et al., arXiv:2512.05648 (selective gradient masking; known from its abstract and
summaries), written against unwanted knowledge in language models. Decisions: the split is by the
detect stage's p_error; in each given class at least the best tenth counts as sure, for the head
that is kept must know of every class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.errors import UsageError
from noisefix.training.head_training import train_heads
from noisefix.training.heads import first_head
from noisefix.training.interface import Checkpoint, Training, TrainingData
from noisefix.training.losses import cross_entropy
from noisefix.training.methods import ce
from noisefix.training.objective import Batch
from noisefix.training.targets import to_device

if TYPE_CHECKING:
    from torch import Tensor

SURE, MIXED, SUSPICIOUS = 0, 1, 2


@dataclass(frozen=True)
class Params(ce.Params):
    """Options.

    Attributes:
        suspicious: p_error above which a row teaches only what is thrown away.
        sure: p_error below which it teaches only what is kept.
        least_sure: share of each given class that counts as sure in any case, the best of it.
    """

    suspicious: float = 0.5
    sure: float = 0.1
    least_sure: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.sure <= self.suspicious <= 1 or not 0 <= self.least_sure <= 1:
            raise UsageError(
                "sure, suspicious or least_sure is out of range",
                "all lie in 0 to 1, and sure is not above suspicious",
            )


def row_kinds(data: TrainingData, params: Params) -> np.ndarray:
    """Return (N,) ``SURE``, ``MIXED`` or ``SUSPICIOUS``."""
    p_error = np.nan_to_num(data.need("p_error", "absorb"), nan=1.0)
    kinds = np.where(p_error > params.suspicious, SUSPICIOUS, MIXED)
    kinds[p_error < params.sure] = SURE
    for label in range(data.n_classes):
        members = np.flatnonzero(data.given_labels == label)
        least = int(np.ceil(params.least_sure * len(members)))
        kinds[members[np.argsort(p_error[members], kind="stable")[:least]]] = SURE
    return kinds


class Absorbing(ce.GivenLabels):
    """Cross-entropy of the sum of both heads, each row's gradient going where it may."""

    n_heads = 2

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        super().__init__(data, params, device)
        self.kinds = to_device(row_kinds(data, params), device)

    def row_losses(self, batch: Batch) -> Tensor:
        """Return the losses of a batch's rows, (B,)."""
        kinds = self.kinds[batch.rows].unsqueeze(-1)
        kept, thrown = batch.logits
        kept = kept.where(kinds != SUSPICIOUS, kept.detach())
        both = kept + thrown * (kinds != SURE)
        return cross_entropy(both, self.targets[batch.rows])


def fit(
    data: TrainingData,
    params: Params,
    *,
    seed: int,
    device: str,
    checkpoint: Checkpoint | None = None,
) -> Training:
    """Train both heads, and return the first; see ``interface.Fit``."""
    objective = Absorbing(data, params, device)
    both = yield from train_heads(
        data, params, objective, seed=seed, device=device, checkpoint=checkpoint
    )
    return first_head(both)
