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


def given_weights(data: TrainingData, strength: float, device: str) -> Tensor:
    """Return (N,) weights of the rows, by the class shares of their given labels."""
    weights = np.ones(len(data.given_labels))
    if strength > 0:
        weights[data.is_labelled] = class_weights(data, strength)[
            data.given_labels[data.is_labelled]
        ]
    return to_device(weights, device)


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
