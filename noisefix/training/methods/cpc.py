"""CPC: clean and wrong rows told apart by a mixture over the losses of each class by itself.

One mixture over all rows takes the rows of hard classes for wrong and those of easy ones for
right; a mixture for each given class does not.

Source: Huang, Chen, Feng, Wu, Class Prototype-based Cleaner for Label Noise Learning,
arXiv:2212.10766 (losses are distributed differently in each class, so that clean and wrong rows are
to be parted class by class), on top of DivideMix: Li, Socher, Hoi, ICLR 2020, arXiv:2002.07394 (the
mixture, refined and guessed labels; temperature 0.5 and 10 warm-up epochs of 300 for ten classes in
the authors' code, ``LiJunnan1992/DivideMix``).

Decisions: the paper makes the cleaner class-aware by prototypes learnt in feature space; frozen
features cannot be shaped by prototypes, so that here a mixture for each class, shrunk to that of
all rows, is the class-aware model. One head and one view of each row: no second network, no
MixMatch. A mixture finds a wrong component in clean rows too, so that no more of a class counts as
wrong than detect expects, where it has said so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.training.head_training import head_method
from noisefix.training.interface import TrainingData
from noisefix.training.losses import cross_entropy
from noisefix.training.methods import ce
from noisefix.training.mixture import bound_wrong, class_clean_probs
from noisefix.training.targets import to_device

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Params(ce.Params):
    """Options.

    Attributes:
        warm_epochs: of plain training before the first mixture; small heads need fewer than the 10
            of the papers' networks.
        temperature: by which guessed labels are sharpened, DivideMix's 0.5.
    """

    warm_epochs: int = 5
    temperature: float = 0.5


class Cleaner(ce.GivenLabels):
    """Targets by w = P(clean | loss, given class), as DivideMix has them.

    Above one half the label is refined, w * given + (1 - w) * p; else it is guessed, p. Both are
    sharpened: raised to 1 / temperature and normalised.
    """

    params: Params

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        super().__init__(data, params, device)
        self.data, self.device = data, device
        self.given = self.targets.clone()
        self.share_clean = 1.0

    def start_epoch(self, epoch: int, look: Callable[[], Tensor]) -> None:
        """Fit the mixtures to the losses of now, and mix the targets anew."""
        if epoch < self.params.warm_epochs:
            return
        logits = look().mean(0)
        losses = cross_entropy(logits, self.given).cpu().numpy().astype(np.float64)
        clean = class_clean_probs(losses, self.data.given_labels, self.data.n_classes)
        if self.data.p_error is not None:
            clean = bound_wrong(clean, self.data.p_error, self.data.given_labels)
        self.share_clean = float(clean[self.data.is_labelled].mean())
        w = to_device(clean * (clean > 0.5), self.device).unsqueeze(1)
        mixed = w * self.given + (1 - w) * logits.softmax(-1)
        sharp = mixed ** (1 / self.params.temperature)
        self.targets.copy_(sharp / sharp.sum(-1, keepdim=True))

    def memory(self) -> dict[str, Tensor]:
        """Return the targets."""
        return {"targets": self.targets}

    def metrics(self) -> dict[str, float]:
        """Return the mean probability of being clean."""
        return {"clean": self.share_clean}


fit = head_method(Cleaner)
