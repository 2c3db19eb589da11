"""Selfdistil: a student of what a model, trained on the same labels without the row, says of it.

Source: Learning to Purification, 2022 (known from its abstract): a teacher trained on noisy pseudo
labels guides a student. Decisions: the teacher is the detect stage's probe, whose probabilities are
out of fold, so that it cannot repeat a row's label; targets move from the start towards it over the
first half of the training. The paper's local views are of pictures, and left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noisefix.errors import UsageError
from noisefix.training.head_training import head_method
from noisefix.training.interface import TrainingData
from noisefix.training.methods import ce
from noisefix.training.targets import to_device

if TYPE_CHECKING:
    from torch import Tensor

_RAMP = 0.5  # share of the epochs


@dataclass(frozen=True)
class Params(ce.Params):
    """Options.

    Attributes:
        teacher_share: of the teacher in the targets, in the end.
    """

    teacher_share: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.teacher_share <= 1:
            raise UsageError(f"teacher_share is {self.teacher_share}", "it must lie in 0 to 1")


class Student(ce.GivenLabels):
    """Cross-entropy towards (1 - w) * label + w * teacher."""

    params: Params

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        super().__init__(data, params, device)
        self.own = self.targets.clone()
        self.teacher = to_device(data.need("pred_probs", "selfdistil"), device)

    def start_epoch(self, epoch: int, look: Callable[[], Tensor]) -> None:
        """Move the targets."""
        part = min((epoch + 1) / max(_RAMP * self.params.epochs, 1.0), 1.0)
        share = self.params.teacher_share * part
        self.targets.copy_((1 - share) * self.own + share * self.teacher)


fit = head_method(Student)
