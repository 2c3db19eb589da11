"""How far a labeller can be trusted: its labels held against a person's on the same rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisefix.metrics.classification import label_scores
from noisefix.probability import Z_90, Interval, share_interval


@dataclass(frozen=True)
class ClassTrust:
    """One class.

    Attributes:
        label: its name.
        true_rows: rows that are of it.
        said_rows: rows that the labeller gave it to.
        recall: share of its rows that got it.
        precision: share of the rows that got it that are of it.
    """

    label: str
    true_rows: int
    said_rows: int
    recall: Interval
    precision: Interval


def accuracy_of(counts: np.ndarray, z: float = Z_90) -> Interval:
    """Return the share of rows whose label is right.

    Args:
        counts: (K, K) rows, [true, said].
        z: quantile of the normal distribution that the interval is made with.
    """
    hits, rows = int(np.trace(counts)), int(counts.sum())
    return Interval(hits / rows if rows else float("nan"), *share_interval(hits, rows, z))


def recall_of(counts: np.ndarray, label: int, z: float = Z_90) -> Interval:
    """Return the share of a class's rows that got its label; args as for ``accuracy_of``."""
    hits, rows = int(counts[label, label]), int(counts[label].sum())
    return Interval(hits / rows if rows else float("nan"), *share_interval(hits, rows, z))


def kappa_of(counts: np.ndarray, z: float = Z_90) -> Interval:
    """Return Cohen's kappa: agreement beyond chance, 1 = always, 0 = as two who guess.

    The interval takes the agreement expected by chance as known, as Cohen's own standard error
    does, and Wilson's interval for the observed agreement: it never ends above 1, and is wide
    enough where all rows agree. NaN where both sides know one class only.

    Args:
        counts: (K, K) rows, [true, said].
        z: quantile of the normal distribution that the interval is made with.

    Source: Cohen 1960, A coefficient of agreement for nominal scales, Educational and Psychological
    Measurement 20(1).
    """
    observed = accuracy_of(counts, z)
    rows = max(int(counts.sum()), 1)
    chance = float(counts.sum(axis=1) @ counts.sum(axis=0)) / rows**2
    if chance >= 1:
        return Interval(*[float("nan")] * 3)
    ends = (observed.value, observed.low, observed.high)
    return Interval(*((share - chance) / (1 - chance) for share in ends))


def class_trust(counts: np.ndarray, names: tuple[str, ...]) -> tuple[ClassTrust, ...]:
    """Return how each class fares, in class order.

    Args:
        counts: (K, K) rows, see ``confusion_counts``.
        names: (K,).
    """
    found = []
    for score in label_scores(counts, names):
        hits = 0 if not score.support else round(score.recall * score.support)
        found.append(
            ClassTrust(
                label=score.label,
                true_rows=score.support,
                said_rows=score.predicted,
                recall=Interval(score.recall, *share_interval(hits, score.support, Z_90)),
                precision=Interval(score.precision, *share_interval(hits, score.predicted, Z_90)),
            )
        )
    return tuple(found)
