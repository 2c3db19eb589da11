"""NoiseAL's division of the rows into R (clean), H (hard) and P (to be purified), epoch by epoch.

Source: Yuan, Chen, Zhang, Jiang, Hide and Seek in Noise Labels (NoiseAL), ACL 2024,
arXiv:2504.02901: co-prediction, dynamic-enhanced threshold, and the three subsets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.labels import UNLABELLED

if TYPE_CHECKING:
    import pyarrow as pa

CLEAN, HARD, PURIFY, NONE = "R", "H", "P", "-"
_NAMES = np.array([CLEAN, HARD, PURIFY, NONE])


@dataclass(frozen=True, eq=False)
class Division:
    """The rows of one epoch.

    Attributes:
        epoch: 1, 2, ..
        subset: (N,) places in ``R, H, P, -``; "-" are unlabelled rows.
        predicted: (N,) class id that both models together hold most probable.
        confidence: (N,) running average of their confidence in it.
        is_consistent: (N,) bool: both models predict the same class.
        thresholds: of the consistency set and of the discrepancy set.
    """

    epoch: int
    subset: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    is_consistent: np.ndarray
    thresholds: tuple[float, float]

    def rows(self, name: str) -> np.ndarray:
        """Return the rows of a subset: "R", "H" or "P"."""
        found: np.ndarray = np.flatnonzero(_NAMES[self.subset] == name)
        return found


class Divider:
    """Running averages of the rows' confidences and of the thresholds over the epochs.

    Networks fit clean rows first, so a row's confidence averaged over the epochs tells clean from
    wrong. The threshold of a set is a running average of the mean confidence of its rows: it rises
    as the training goes on, and nobody sets a number.
    """

    def __init__(self, n_rows: int, n_classes: int, momentum: float = 0.9) -> None:
        """Set up.

        Args:
            n_rows: N.
            n_classes: K; the averages start at 1 / K, as the thresholds do.
            momentum: how much of an average stays from one epoch to the next.
        """
        self.momentum = momentum
        self.averages = np.full((n_rows, n_classes), 1 / n_classes, np.float64)
        self.thresholds = np.full(2, 1 / n_classes)

    def divide(
        self, epoch: int, strong: np.ndarray, weak: np.ndarray, given: np.ndarray
    ) -> Division:
        """Take in an epoch's probabilities and divide the rows.

        - R: consistent, and at or above the threshold confident of the given label.
        - P: consistent and confident of another label, or discrepant and below the threshold of
          the discrepancy set.
        - H: what is left.

        Args:
            epoch: 1, 2, ..
            strong: (N, K) probabilities of the strong model.
            weak: (N, K) of the weak one.
            given: (N,) class ids, -1 = unlabelled.
        """
        now = (strong + weak) / 2
        self.averages *= self.momentum
        self.averages += (1 - self.momentum) * now
        predicted = self.averages.argmax(axis=1)
        confidence = self.averages.max(axis=1)
        consistent = strong.argmax(axis=1) == weak.argmax(axis=1)
        labelled = given != UNLABELLED
        for place, members in enumerate((consistent & labelled, ~consistent & labelled)):
            if members.any():
                mean = float(confidence[members].mean())
                self.thresholds[place] += (1 - self.momentum) * (mean - self.thresholds[place])
        sure = confidence >= self.thresholds[0]
        subset = np.full(len(given), 1)
        subset[consistent & sure & (predicted == given)] = 0
        subset[consistent & sure & (predicted != given)] = 2
        subset[~consistent & (confidence < self.thresholds[1])] = 2
        subset[~labelled] = 3
        high, low = (float(v) for v in self.thresholds)
        return Division(epoch, subset, predicted, confidence, consistent, (high, low))


def division_table(
    divisions: list[Division], ids: list[str], class_names: tuple[str, ...]
) -> pa.Table:
    """Return one row for each row and epoch, so that a person can see a row move."""
    import pyarrow as pa

    n_rows = len(ids)
    names = np.array(class_names, dtype=object)
    return pa.table(
        {
            "id": pa.array(ids * len(divisions), pa.string()),
            "epoch": pa.array(np.repeat([d.epoch for d in divisions], n_rows), pa.int64()),
            "subset": pa.array([str(s) for d in divisions for s in _NAMES[d.subset]], pa.string()),
            "predicted_label": pa.array(
                [str(n) for d in divisions for n in names[d.predicted]], pa.string()
            ),
            "confidence": pa.array(
                np.concatenate([d.confidence for d in divisions]) if divisions else [],
                pa.float64(),
            ),
            "is_consistent": pa.array(
                np.concatenate([d.is_consistent for d in divisions]) if divisions else [],
                pa.bool_(),
            ),
        }
    )
