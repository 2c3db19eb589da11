"""Pu: one of two classes only means that nobody looked, so that its rows count as unlabelled.

Labels such as "other", "none" or "not spam" are often what a row gets by default. Then rows of the
other class, the *seen* ones, are right, and those of the default are of both classes.

- ``loss=one_sided``: the likelihood of what was observed; of a row that is truly of the seen class
  nobody saw a share g. P(seen) = (1 - g) s, P(not seen) = 1 - s + g s. Source: Yu & Qin, Sampler
  Design for Implicit Feedback Data by Noisy-label Robust Learning, SIGIR 2020, arXiv:2007.07204
  (known from its abstract; the formulas and the estimate of g by EM are derived here).
- ``loss=non_negative``: the risk of seen rows and that of all, weighted by the share of the seen
  class, never below 0. Source: Kiryo et al., Positive-Unlabeled Learning with Non-Negative Risk
  Estimator, NeurIPS 2017.

Left out: the variational loss of Chen et al., NeurIPS 2020, which Yuan, Zhang, Huang, Positive
Label is All You Need for Multi-label Classification, ICME 2024, take for many labels a row. It
tells rows from each other, but not how large s is; a head that is held back then calls hardly any
row seen.

Which class it is, only somebody who knows how the labels were made can say: it is not guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.errors import DataError, UsageError
from noisefix.training.class_shares import estimated_shares
from noisefix.training.head_training import head_method
from noisefix.training.interface import TrainingData
from noisefix.training.losses import non_negative_risk, one_sided
from noisefix.training.objective import Batch, HeadParams, Objective
from noisefix.training.targets import label_is, to_device

if TYPE_CHECKING:
    from torch import Tensor

LOSSES = ("one_sided", "non_negative")
_MOST_UNSEEN = 0.95


@dataclass(frozen=True)
class Params(HeadParams):
    """Options.

    Attributes:
        unverified: name of the class that rows get where nobody looked; "": as ``detect`` was told.
        loss: "one_sided" or "non_negative".
        warm_epochs: of ``one_sided``, before the share of unseen rows is estimated anew.
    """

    unverified: str = ""
    loss: str = "one_sided"
    warm_epochs: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loss not in LOSSES:
            raise UsageError(f"loss {self.loss!r} is unknown", f"choose {', '.join(LOSSES)}")


def unverified_class(data: TrainingData, name: str) -> int:
    """Return the id of the class that means that nobody looked.

    Args:
        data: of two classes.
        name: of the class; "": what the detect stage was told.

    Raises:
        DataError: there are more classes than two.
        UsageError: nobody has said which class it is, or there is none of this name.
    """
    if data.n_classes != 2:
        raise DataError(
            f"--method pu is for two classes, and there are {data.n_classes}",
            "for more, tell detect of it: --unverified-class CLASS, and train with repair",
        )
    wanted = name or data.unverified_class
    known = ", ".join(repr(known) for known in data.class_names)
    if not wanted:
        raise UsageError(
            "--method pu must know which class rows get where nobody looked",
            f"name it: --set unverified=CLASS, one of {known}",
        )
    if wanted not in data.class_names:
        raise UsageError(f"unverified {wanted!r} is no class", f"choose one of {known}")
    return data.class_names.index(wanted)


class PositiveUnlabelled(Objective):
    """A loss on s, the probability of the seen class."""

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        import torch

        self.params = params
        self.seen_class = 1 - unverified_class(data, params.unverified)
        self.is_seen = label_is(data, self.seen_class, device)
        self.labelled = to_device(data.is_labelled.astype(np.float32), device)
        self.share = float(estimated_shares(data)[self.seen_class])
        seen = float((data.given_labels == self.seen_class).sum()) / data.is_labelled.sum()
        start = min(max(1 - seen / max(self.share, 1e-9), 0.0), _MOST_UNSEEN)
        self.unseen = torch.tensor(start, device=device)
        super().__init__(self.is_seen)

    def scores(self, logits: Tensor) -> Tensor:
        """Return log(s / (1 - s)) of (.., K = 2) logits."""
        return logits[..., self.seen_class] - logits[..., 1 - self.seen_class]

    def start_epoch(self, epoch: int, look: Callable[[], Tensor]) -> None:
        """Estimate which share of the seen class nobody saw: an EM step."""
        if self.params.loss != "one_sided" or epoch < self.params.warm_epochs:
            return
        s = self.scores(look()).sigmoid().mean(0)
        hidden = self.labelled * (1 - self.is_seen)
        missed = (hidden * self.unseen * s / (1 - s + self.unseen * s).clamp_min(1e-9)).sum()
        seen = (self.labelled * self.is_seen).sum()
        self.unseen.copy_((missed / (missed + seen).clamp_min(1e-9)).clamp(0, _MOST_UNSEEN))

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch."""
        scores, seen = self.scores(batch.logits), self.is_seen[batch.rows]
        if self.params.loss == "non_negative":
            return non_negative_risk(scores, seen, self.share)
        return one_sided(scores, seen, self.unseen).mean()

    def memory(self) -> dict[str, Tensor]:
        """Return the share that nobody saw."""
        return {"unseen": self.unseen}

    def metrics(self) -> dict[str, float]:
        """Return the share of the seen class that nobody saw."""
        return {"unseen": float(self.unseen)} if self.params.loss == "one_sided" else {}


fit = head_method(PositiveUnlabelled)
