"""Has a labeller become worse: what fell by more than is allowed, beyond what chance explains."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from noisefix.metrics.labeller import accuracy_of, kappa_of, recall_of
from noisefix.probability import Interval

FALSE_ALARMS = 0.05
"""How often, at most, a labeller that fell by just what is allowed fails, over all measures."""

LEAST_ROWS = 5
"""Rows of a class that both results need for its recall to be compared."""


@dataclass(frozen=True)
class Drift:
    """One measure, before and now.

    Attributes:
        measure: "accuracy", "kappa", or "recall of CLASS".
        before: in the earlier result.
        now: in this one.
        drop: by how much it fell; below 0 where it rose.
        least_drop: the fall is at least this much; what chance explains is taken off.
        passed: that is not above what is allowed.
    """

    measure: str
    before: float
    now: float
    drop: float
    least_drop: float
    passed: bool


def drifts(
    before: np.ndarray, now: np.ndarray, names: tuple[str, ...], max_drop: float
) -> tuple[Drift, ...]:
    """Compare accuracy, kappa and the recall of every class with some rows in both results.

    The rows of both are taken to be different texts. One-sided, at a level that is shared between
    the measures (Bonferroni), so that all together fail without a reason in ``FALSE_ALARMS`` of
    the cases at most.

    Args:
        before: (K, K) rows, [true, said], of the earlier result.
        now: (K, K) rows of this one, in the same class order.
        names: (K,).
        max_drop: what each measure may fall by, in [0, 1].

    Source: Newcombe 1998, Interval estimation for the difference between independent proportions:
    comparison of eleven methods, Statistics in Medicine 17, method 10 (from Wilson's intervals of
    the two); Zou and Donner 2008, Construction of confidence limits about effect measures: a
    general approach, Statistics in Medicine 27, for what is no proportion.
    """
    rows = np.minimum(before.sum(axis=1), now.sum(axis=1))
    both = np.flatnonzero(rows >= LEAST_ROWS).tolist()
    z = NormalDist().inv_cdf(1 - FALSE_ALARMS / (len(both) + 2))
    measured = [
        ("accuracy", accuracy_of(before, z), accuracy_of(now, z)),
        ("kappa", kappa_of(before, z), kappa_of(now, z)),
        *((f"recall of {names[k]}", recall_of(before, k, z), recall_of(now, k, z)) for k in both),
    ]
    return tuple(
        _drift(name, old, new, max_drop)
        for name, old, new in measured
        if not np.isnan(old.value - new.value)
    )


def _drift(measure: str, before: Interval, now: Interval, max_drop: float) -> Drift:
    drop = before.value - now.value
    chance = float(np.hypot(before.value - before.low, now.high - now.value))
    least = drop - chance
    return Drift(measure, before.value, now.value, drop, least, least <= max_drop)
