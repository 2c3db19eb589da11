"""SiDyP's first stage with an encoder that learns: co-regularised branches on one encoder.

Documented choices. The M branches are M heads on *one* encoder, not M encoders: a third of the
time, memory and model folder; their starting weights differ, and each is held to their mean as in
the paper. And the training dynamics are not those of the moving encoder, which no unseen text could
be given without keeping every epoch's encoder: when the encoder has settled, all training rows are
embedded anew by it, as ``predict`` will embed, and the branches of every epoch are trained on these
features (``stage_one``). Whatever text comes later, its dynamics are what these heads make of its
tuned features; a training row predicted as if unseen has the dynamics it had in training.

Source: SiDyP, KDD 2025, arXiv:2505.19675, stage I.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.errors import UsageError
from noisefix.training.head_training import train_heads
from noisefix.training.interface import Checkpoint, State, TrainingData, TrainingStep
from noisefix.training.losses import disagreement
from noisefix.training.objective import Batch, HeadParams, Objective
from noisefix.training.targets import given_targets, to_device

if TYPE_CHECKING:
    from torch import Tensor

_PHASE = "encoder"
_PREFIX = "tuned."


@dataclass(frozen=True)
class BranchTuning(HeadParams):
    """Options of the encoder's training under branches.

    Attributes:
        n_branches: M.
        agreement: weight alpha of the KL divergence between the mean prediction and each branch.
        agreement_from: share of the steps after which it counts.
        soft_share: of the estimated true labels in the targets; the rest are the given labels,
            which are all that the paper has.
        branch_steps: steps of an epoch, at least, of the branches that are then trained on the
            tuned features; 1: each epoch is one pass over the rows. Those features tell the given
            labels of the training rows already: more passes learn them by heart.
    """

    epochs: int = 3
    batch_size: int = 32
    n_branches: int = 3
    agreement: float = 5.0
    agreement_from: float = 0.1
    soft_share: float = 1.0
    branch_steps: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_branches < 1:
            raise UsageError(f"n_branches is {self.n_branches}", "it must be at least 1")
        if self.agreement < 0 or not 0 <= self.soft_share <= 1:
            raise UsageError(
                "agreement or soft_share is out of range", "agreement >= 0, soft_share in 0 to 1"
            )


class Branched(Objective):
    """The sum of the branches' losses, each held to their mean."""

    def __init__(self, data: TrainingData, params: BranchTuning, device: str) -> None:
        super().__init__(given_targets(data, 0.0, device)[0])
        self.params, self.n_heads = params, params.n_branches
        if params.soft_share > 0:
            soft = to_device(data.need("true_label_probs", "sidyp"), device)
            self.targets = (1 - params.soft_share) * self.targets + params.soft_share * soft

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch; branches learn as if alone but for their agreement."""
        loss = self.row_losses(batch).mean(1).sum()
        params = self.params
        if params.agreement > 0 and batch.progress >= params.agreement_from:
            log_probs = batch.logits.log_softmax(-1)
            loss = loss + params.agreement * disagreement(log_probs).mean(1).sum()
        return loss / params.n_branches


def tune_branches(
    data: TrainingData,
    params: BranchTuning,
    *,
    seed: int,
    device: str,
    checkpoint: Checkpoint | None = None,
) -> Generator[TrainingStep, None, tuple[TrainingData, Checkpoint | None]]:
    """Tune the encoder; return the data with its features, and a checkpoint that keeps it.

    Args:
        data: the training rows, with ``tuning``.
        params: options.
        seed: seed of everything.
        device: "cpu", "cuda" or "mps".
        checkpoint: where to go on from; what later stages save in the checkpoint that is returned
            goes into the same place, and the tuned encoder with it.
    """
    tuning = data.tuning
    if tuning is None:
        raise RuntimeError("there is no encoder to tune")
    saved = None if checkpoint is None else checkpoint.load()
    if saved is not None and any(name.startswith(_PREFIX) for name in saved[0]):
        tuning.restore(_part(saved[0]), device)
    else:
        training = train_heads(
            data,
            params,
            Branched(data, params, device),
            seed=seed,
            device=device,
            checkpoint=checkpoint,
        )
        while True:
            try:
                yield replace(next(training), phase=_PHASE)
            except StopIteration:
                break
    kept = None if checkpoint is None else _Keeping(checkpoint, tuning.saved())
    return replace(data, features=tuning.encode(tuning.texts), tuning=None), kept


class _Keeping:
    """A checkpoint whose states hold the tuned encoder too."""

    def __init__(self, inner: Checkpoint, tuned: State) -> None:
        self._inner = inner
        self._tuned = {_PREFIX + name: value for name, value in tuned.items()}

    def load(self) -> tuple[State, dict[str, Any]] | None:
        found = self._inner.load()
        if found is None or "phase" not in found[1]:  # of the encoder's own training
            return None
        tensors = {k: v for k, v in found[0].items() if not k.startswith(_PREFIX)}
        return tensors, found[1]

    def save(self, tensors: State, facts: dict[str, Any]) -> None:
        self._inner.save(tensors | self._tuned, facts)


def _part(tensors: State) -> dict[str, np.ndarray]:
    return {k.removeprefix(_PREFIX): v for k, v in tensors.items() if k.startswith(_PREFIX)}
