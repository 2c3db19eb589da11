"""How well a classifier does on rows whose labels are known: per class, over all, and its mix-ups.

Written out in NumPy for the reason that ``detection`` is; the tests hold it to scikit-learn's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisefix.metrics.accuracy import check_one_length, ratio


@dataclass(frozen=True)
class LabelScores:
    """One class; a ratio without a denominator is NaN.

    Attributes:
        label: its name.
        support: rows whose true label it is.
        predicted: rows that are said to be of it.
        precision: share of those predicted that are right.
        recall: share of its rows that are found.
        f1: harmonic mean of the two; 0 where one is 0 or there is none, NaN where the class has no
            row on either side.
    """

    label: str
    support: int
    predicted: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Confusion:
    """Rows of one class that are said to be of another.

    Attributes:
        true: the class that they are of.
        predicted: the class that they are said to be of.
        rows: how many.
        share: of all rows of the true class.
    """

    true: str
    predicted: str
    rows: int
    share: float


def label_scores(counts: np.ndarray, names: tuple[str, ...]) -> list[LabelScores]:
    """Score each class by itself, in class order.

    Args:
        counts: (K, K) rows, see ``confusion_counts``.
        names: (K,).
    """
    hits = np.diagonal(counts)
    support, said = counts.sum(axis=1), counts.sum(axis=0)
    return [
        LabelScores(
            label=name,
            support=int(support[k]),
            predicted=int(said[k]),
            precision=ratio(hits[k], said[k]),
            recall=ratio(hits[k], support[k]),
            f1=ratio(2 * hits[k], support[k] + said[k]),
        )
        for k, name in enumerate(names)
    ]


def macro_f1(scores: list[LabelScores]) -> float:
    """Mean F1 of the classes that have a row, true or predicted; NaN where none has."""
    known = [score.f1 for score in scores if score.support or score.predicted]
    return float(np.mean(known)) if known else float("nan")


def confusions(counts: np.ndarray, names: tuple[str, ...]) -> list[Confusion]:
    """Return the pairs that are mixed up, the most frequent first; ties in class order.

    Args:
        counts: (K, K) rows, see ``confusion_counts``.
        names: (K,).
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    pairs = np.argwhere(counts * (1 - np.eye(len(counts), dtype=counts.dtype)))
    ranked = pairs[np.argsort(-counts[*pairs.T], kind="stable")].tolist()
    return [
        Confusion(names[true], names[said], int(counts[true, said]), float(shares[true, said]))
        for true, said in ranked
    ]


def confusion_counts(predicted: np.ndarray, true_labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Return (K, K) int64 rows, [true, predicted].

    Args:
        predicted: (N,) class ids in 0..K-1.
        true_labels: (N,) class ids in 0..K-1.
        n_classes: K.

    Raises:
        DataError: the lengths differ.
    """
    check_one_length(predicted, true_labels)
    flat = np.bincount(true_labels * n_classes + predicted, minlength=n_classes * n_classes)
    return flat.reshape(n_classes, n_classes)
