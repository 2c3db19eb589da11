"""Prune: plain training in which flagged rows count as little as their labels are worth.

Source: Northcutt, Jiang, Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR
2021, arXiv:1911.00068: prune, then learn from the rows that are left. What flags a row is the
detect stage's verdict. Decisions: as many rows are flagged as balance what is found against what is
flagged in vain, so that many of them are right; dropped, they are missed where they are the hard
ones of their class. So a flagged row stays, with the weight 1 - p_error. cleanlab can also weight
the rows left by 1 / P(given = k | true = k); here ``share_strength`` does what that is for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisefix.training.head_training import head_method
from noisefix.training.interface import TrainingData
from noisefix.training.methods import ce
from noisefix.training.targets import flagged_rows, to_device


@dataclass(frozen=True)
class Params(ce.Params):
    """Options.

    Attributes:
        is_soft: a flagged row counts by its probability of being right; False: not at all.
        least_share: of each class at least this share of its rows stays, the least suspicious.
    """

    is_soft: bool = True
    least_share: float = 0.1


def row_weights(data: TrainingData, *, is_soft: bool, least_share: float) -> np.ndarray:
    """Return (N,) how much each row counts, in [0, 1]; unlabelled rows: 0.

    Args:
        data: the training rows, with p_error.
        is_soft: a flagged row counts 1 - p_error; False: 0.
        least_share: see ``Params``.
    """
    kept = kept_rows(data, least_share)
    if not is_soft:
        return kept.astype(np.float64)
    right = 1 - np.nan_to_num(data.need("p_error", "prune"), nan=0.0)
    weights: np.ndarray = np.where(kept, 1.0, right * data.is_labelled)
    return weights


def kept_rows(data: TrainingData, least_share: float) -> np.ndarray:
    """Return (N,) bool: labelled rows that are not flagged.

    A class of which nearly everything is flagged keeps the rows with the lowest p_error: at least
    one, for a class that vanishes can never be predicted.
    """
    p_error: np.ndarray = data.need("p_error", "prune")
    kept: np.ndarray = data.is_labelled & ~flagged_rows(data, "prune")
    for label in range(data.n_classes):
        members = np.flatnonzero(data.given_labels == label)
        least = int(np.ceil(least_share * len(members)))
        if kept[members].sum() < least:
            order = np.argsort(p_error[members], kind="stable")
            kept[members[order[:least]]] = True
    return kept


class Pruned(ce.GivenLabels):
    """Cross-entropy on the given labels, the flagged rows held back."""

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        super().__init__(data, params, device)
        weights = row_weights(data, is_soft=params.is_soft, least_share=params.least_share)
        self.weights = to_device(weights, device) * self.weights
        self.rows = self.rows[weights[self.rows] > 0]


fit = head_method(Pruned)
