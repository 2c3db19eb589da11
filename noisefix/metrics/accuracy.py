"""How many labels are right, over all rows and for each class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisefix.errors import DataError


@dataclass(frozen=True)
class ClassScores:
    """One class: how its rows fare; a ratio without a denominator is NaN."""

    label: str
    given_rows: int
    true_rows: int
    given_wrong: float
    """Share of the rows given this label whose true label is another."""
    flag_precision: float
    """Of the flagged rows given this label: the share that is wrong."""
    flag_recall: float
    """Of the wrong rows given this label: the share that is flagged."""


def accuracy(labels: np.ndarray, true_labels: np.ndarray) -> float:
    """Share of rows whose label is the true one; NaN where there is no row.

    Args:
        labels: (N,) class ids; -1 (no label) counts as wrong.
        true_labels: (N,) class ids.
    """
    check_one_length(labels, true_labels)
    return float((labels == true_labels).mean()) if labels.size else float("nan")


def class_scores(
    given_labels: np.ndarray,
    true_labels: np.ndarray,
    is_flagged: np.ndarray,
    names: tuple[str, ...],
) -> list[ClassScores]:
    """Score each class by itself, in class order.

    Args:
        given_labels: (N,) class ids in 0..K-1.
        true_labels: (N,) class ids; classes that were never given have ids from K up or are in
            ``names`` as well.
        is_flagged: (N,) bool.
        names: the names of the classes to report.
    """
    is_error = given_labels != true_labels
    scores = []
    for k, name in enumerate(names):
        given = given_labels == k
        scores.append(
            ClassScores(
                label=name,
                given_rows=int(given.sum()),
                true_rows=int((true_labels == k).sum()),
                given_wrong=_share(is_error, given),
                flag_precision=_share(is_error, given & is_flagged),
                flag_recall=_share(is_flagged, given & is_error),
            )
        )
    return scores


def _share(what: np.ndarray, among: np.ndarray) -> float:
    return float(what[among].mean()) if among.any() else float("nan")


def check_one_length(a: np.ndarray, b: np.ndarray) -> None:
    """Check that two arrays are (N,) of one N.

    Raises:
        DataError: they are not.
    """
    if a.shape != b.shape or a.ndim != 1:
        raise DataError(f"expected two arrays of one length, got {a.shape} and {b.shape}")


def ratio(part: float, whole: float) -> float:
    """Return the one by the other; NaN where there is nothing to divide by."""
    return float(part / whole) if whole else float("nan")
