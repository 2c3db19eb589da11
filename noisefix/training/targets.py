"""Targets on the device: what a row is trained towards, and how much it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noisefix.training.class_shares import class_weights
from noisefix.training.interface import TrainingData

if TYPE_CHECKING:
    from torch import Tensor


def given_targets(data: TrainingData, strength: float, device: str) -> tuple[Tensor, Tensor]:
    """Return one-hot given labels (N, K), zero rows where unlabelled, and row weights (N,).

    Args:
        data: the training rows.
        strength: of the correction for the class shares; 0: all weights are 1.
        device: where to put them.
    """
    return to_device(one_hot(data.given_labels, data.n_classes), device), given_weights(
        data, strength, device
    )


def label_ids(data: TrainingData, device: str) -> Tensor:
    """Return the given labels as (N,) class ids; 0 stands for none."""
    return to_device(data.given_labels.clip(min=0), device)


def given_weights(data: TrainingData, strength: float, device: str) -> Tensor:
    """Return (N,) weights of the rows, by the class shares of their given labels."""
    weights = np.ones(len(data.given_labels))
    if strength > 0:
        weights[data.is_labelled] = class_weights(data, strength)[
            data.given_labels[data.is_labelled]
        ]
    return to_device(weights, device)


def flagged_rows(data: TrainingData, method: str) -> np.ndarray:
    """Return (N,) bool: rows flagged by the detect stage, or as it would flag them by p_error.

    Args:
        data: with ``is_issue`` or ``p_error``.
        method: that needs them, for the message.

    Raises:
        DataError: there is neither.
    """
    if data.is_issue is not None:
        return data.is_issue
    from noisefix.probing.flags import flag_rows

    return flag_rows(data.need("p_error", method))


def believed_labels(data: TrainingData, method: str) -> np.ndarray:
    """Return (N, K) what training takes the labels to be; rows sum to 1.

    A flagged row has its estimated distribution over true labels, one that is not flagged its given
    label. Where the two readings of the labels dispute, the estimate of a row that neither is sure
    of says more of the readings than of the row: the mass that it would move from one class to
    another in thousands of unsuspicious rows costs more than it gains where the estimate is off. A
    row with a certain estimate (a person has verified it) or without a given label has the
    estimate in any case.

    Args:
        data: with ``true_label_probs``; without flags or p_error they are taken for all rows.
        method: that needs them, for the message.

    Raises:
        DataError: there are no ``true_label_probs``.
    """
    believed: np.ndarray = data.need("true_label_probs", method).astype(np.float64)
    keeps = keeps_label(data)
    believed[keeps] = one_hot(data.given_labels[keeps], data.n_classes)
    return believed


def keeps_label(data: TrainingData) -> np.ndarray:
    """Return (N,) bool: labelled rows that nothing speaks against, neither flag nor person.

    Without flags and p_error nothing is known of any row, and none is among them.
    """
    if data.is_issue is None and data.p_error is None:
        return np.zeros(len(data.given_labels), dtype=bool)
    keeps: np.ndarray = data.is_labelled & ~flagged_rows(data, "train")
    if data.true_label_probs is not None:
        keeps &= data.true_label_probs.max(axis=1) < 1  # 1: a person has verified it
    return keeps


def one_hot(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Return (N, K) float32; a row without a label (-1) is all zeros."""
    targets = np.zeros((len(labels), n_classes), np.float32)
    known = np.flatnonzero(labels >= 0)
    targets[known, labels[known]] = 1
    return targets


def to_device(values: np.ndarray, device: str) -> Tensor:
    """Return a tensor on the device: floats as float32, integers as int64."""
    import torch

    dtype = np.int64 if values.dtype.kind in "iu" else np.float32
    # torch warns of arrays that cannot be written to, such as views of Arrow tables.
    ready = np.require(values, dtype, ["C", "W"])
    return torch.from_numpy(ready).to(device)
