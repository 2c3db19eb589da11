"""Forward correction: the model predicts true labels, a noise matrix turns them into given ones.

The loss is - log sum_k p_k P(given | true = k); what is predicted is p.

Source: Patrini et al., Making Deep Neural Networks Robust to Label Noise: A Loss Correction
Approach, CVPR 2017, the forward loss. The matrix of ``transition=hoc`` is that of Zhu, Song, Liu,
Clusterability as an Alternative to Anchor Points When Learning with Noisy Labels, ICML 2021
(``probing.hoc``), as the library of the authors of ADC (2024) has it; then nothing of the detect
stage has a part in the training. That of ``transition=detect`` counts its estimated true labels
against the given ones. Decision: each row of the matrix starts with a few rows that are right, so
that no label is impossible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.errors import DataError, UsageError
from noisefix.training.head_training import head_method
from noisefix.training.interface import TrainingData
from noisefix.training.losses import complementary
from noisefix.training.objective import Batch, HeadParams, Objective
from noisefix.training.targets import one_hot, to_device

if TYPE_CHECKING:
    from torch import Tensor

TRANSITIONS = ("detect", "hoc")
_RIGHT_ROWS, _STRAY_ROWS = 1.0, 0.1  # that each class starts with, right and spread over all


@dataclass(frozen=True)
class Params(HeadParams):
    """Options.

    Attributes:
        transition: where the noise matrix comes from: "detect" or "hoc".
    """

    transition: str = "detect"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.transition not in TRANSITIONS:
            raise UsageError(
                f"transition {self.transition!r} is unknown", f"choose {' or '.join(TRANSITIONS)}"
            )


def transition_matrix(data: TrainingData, transition: str) -> np.ndarray:
    """Return (K, K) P(given | true), [true, given]; rows sum to 1, nothing is 0.

    Raises:
        DataError: the data do not tell.
    """
    rows = np.flatnonzero(data.is_labelled)
    if transition == "hoc":
        counts = _by_near_rows(data, rows)
    else:
        probs = data.need("true_label_probs", "forward")[rows].astype(np.float64)
        counts = probs.T @ one_hot(data.given_labels[rows], data.n_classes)
    counts = counts + _RIGHT_ROWS * np.eye(data.n_classes) + _STRAY_ROWS / data.n_classes
    matrix: np.ndarray = counts / counts.sum(axis=1, keepdims=True)
    return matrix


def _by_near_rows(data: TrainingData, rows: np.ndarray) -> np.ndarray:
    """Return (K, K) rows of each true class that have each label, as HOC estimates them."""
    from noisefix.neighbors.votes import labelled_neighbors
    from noisefix.probing.hoc import second_opinion

    n_rows = len(data.given_labels)
    groups = np.arange(n_rows) if data.groups is None else data.groups
    near = labelled_neighbors(data.features, data.given_labels, groups)
    found = second_opinion(data.given_labels, near, groups, data.n_classes)
    if isinstance(found, str):
        raise DataError(
            f"--set transition=hoc: no noise matrix can be read off near rows: {found}",
            "take the detect stage's: --set transition=detect",
        )
    counts: np.ndarray = len(rows) * found.shares[:, None] * found.transition_matrix
    return counts


class Forward(Objective):
    """- log P(given label), through the noise matrix."""

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        matrix = transition_matrix(data, params.transition)
        self.likelihood = to_device(matrix.T[data.given_labels.clip(min=0)], device)  # (N, K)
        super().__init__(self.likelihood)

    def row_losses(self, batch: Batch) -> Tensor:
        """Return the losses of a batch's rows, (1, B)."""
        return complementary(batch.logits, self.likelihood[batch.rows])


fit = head_method(Forward)
