"""Targets on the device: what a row is trained towards, and how much it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noisefix.errors import UsageError
from noisefix.training.class_shares import class_weights
from noisefix.training.interface import TrainingData

if TYPE_CHECKING:
    from torch import Tensor


STARTS = ("given", "repaired")
"""Where the targets of a training begin: with the labels as given, or as detect would have them."""


def check_start(start: str, share_strength: float = 0.0) -> None:
    """Refuse an unknown start, and class weights of the given labels on labels that are repaired.

    Raises:
        UsageError: as said.
    """
    if start not in STARTS:
        raise UsageError(f"start {start!r} is unknown", f"choose {' or '.join(STARTS)}")
    if start != "given" and share_strength > 0:
        raise UsageError(
            "share_strength corrects the shares of the given labels; those of start=repaired are "
            "corrected already",
            "leave one of the two out",
        )


def given_targets(
    data: TrainingData, strength: float, device: str, start: str = "given"
) -> tuple[Tensor, Tensor]:
    """Return where training begins, (N, K), zero rows where there is no label, and weights (N,).

    Args:
        data: the training rows.
        strength: of the correction for the class shares; 0: all weights are 1.
        device: where to put them.
        start: "given" for one-hot given labels, "repaired" for ``repaired_targets``.

    Raises:
        DataError: nothing to repair by is known.
    """
    if start == "given":
        targets = one_hot(data.given_labels, data.n_classes)
    else:
        targets = repaired_targets(data, method="... --set start=repaired")
    return to_device(targets, device), given_weights(data, strength, device)


def rows_with_targets(data: TrainingData, targets: Tensor) -> np.ndarray:
    """Return (R,) labelled rows whose target is one: repaired labels leave some out."""
    there: np.ndarray = targets.any(dim=1).cpu().numpy()
    return np.flatnonzero(there & data.is_labelled)


def repaired_targets(
    data: TrainingData, *, is_soft: bool = True, flatten: float = 0.0, method: str = "repair"
) -> np.ndarray:
    """Return (N, K) float32 targets; rows sum to 1, or are all 0 where a row was dropped.

    Args:
        data: with ``true_label_probs``.
        is_soft: distributions; False: their argmax.
        flatten: power of each class's mean by which its column is divided first.
        method: that needs them, for the message.
    """
    probs = believed_labels(data, method)
    if flatten > 0:
        means = np.maximum(probs[data.is_labelled].mean(axis=0), 1e-4)
        probs = probs / means**flatten
        probs /= probs.sum(axis=1, keepdims=True)
    targets = probs if is_soft else one_hot(probs.argmax(axis=1), data.n_classes)
    targets = np.array(targets, np.float32)
    if data.repaired_labels is not None:
        changed = data.repaired_labels != data.given_labels
        targets[changed] = one_hot(data.repaired_labels[changed], data.n_classes)
    return targets


def start_ids(targets: Tensor) -> Tensor:
    """Return (N,) the likeliest class of each row's target, for losses that take one label."""
    return targets.argmax(dim=1)


def label_is(data: TrainingData, label: int, device: str) -> Tensor:
    """Return (N,) 1 where the given label is this class, else 0."""
    return to_device((data.given_labels == label).astype(np.float32), device)


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
