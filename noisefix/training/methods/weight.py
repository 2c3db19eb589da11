"""Weight: every row counts by the probability that its label is right.

Source: Sarkhel et al., arXiv:2404.00488 (known from its abstract and a summary): fine-tuning on
weakly labelled and a few labelled documents, each row's loss weighted by an estimate of how far its
label is to be trusted. Decision: that estimate is 1 - p_error; a label that a person has checked
counts in full. Unlike ``prune`` it holds every row back, not only those that are flagged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisefix.training.head_training import head_method
from noisefix.training.interface import TrainingData
from noisefix.training.methods import ce
from noisefix.training.targets import to_device


@dataclass(frozen=True)
class Params(ce.Params):
    """Options of plain training; with start=repaired a row counts by its likeliest label."""


class Weighted(ce.GivenLabels):
    """Cross-entropy, each row weighted by 1 - p_error."""

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        super().__init__(data, params, device)
        if params.start == "given":
            right = 1 - np.nan_to_num(data.need("p_error", "weight"), nan=1.0)
            self.weights = self.weights * to_device(right, device)
        else:
            self.weights = self.targets.amax(dim=1)


fit = head_method(Weighted)
