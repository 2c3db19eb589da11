"""How far several annotators agree, beyond chance: Fleiss' kappa and Krippendorff's alpha.

Of two annotators, Cohen's kappa: ``noisefix.metrics.labeller.kappa_of``.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from noisefix.labels import UNLABELLED
from noisefix.probing.voters import Voter


def count_answers(voters: Iterable[Voter], n_rows: int, n_classes: int) -> np.ndarray:
    """Return (N, K) how many annotators give a row a label."""
    counts = np.zeros((n_rows, n_classes), dtype=np.int64)
    for voter in voters:
        counts[voter.rows, voter.labels] += 1
    return counts


def fleiss_kappa(counts: np.ndarray) -> float:
    """Return Fleiss' kappa; NaN where no row has two answers, or all answers are one label.

    Rows may have different numbers of answers, as long as they have two: agreement is averaged
    over rows, and chance is taken from all answers.

    Args:
        counts: (N, K) answers, by row and label.

    Source: Fleiss, "Measuring nominal scale agreement among many raters", Psychological Bulletin
    76, 1971, equations 2 to 7.
    """
    rated = counts[counts.sum(axis=1) >= 2].astype(np.float64)
    if not len(rated):
        return float("nan")
    n = rated.sum(axis=1)
    observed = float((((rated**2).sum(axis=1) - n) / (n * (n - 1))).mean())
    shares = rated.sum(axis=0) / rated.sum()
    chance = float((shares**2).sum())
    return (observed - chance) / (1 - chance) if chance < 1 else float("nan")


def krippendorff_alpha(counts: np.ndarray) -> float:
    """Return Krippendorff's alpha of nominal labels; NaN as ``fleiss_kappa``.

    Args:
        counts: (N, K) answers, by row and label; rows may have any number.

    Source: Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011, section C.
    """
    pairable = counts[counts.sum(axis=1) >= 2].astype(np.float64)
    total = pairable.sum()
    if not total:
        return float("nan")
    n = pairable.sum(axis=1)
    agreeing = ((pairable**2).sum(axis=1) - n) / (n - 1)  # diagonal of the coincidences
    observed = total - float(agreeing.sum())
    values = pairable.sum(axis=0)
    expected = float((total**2 - (values**2).sum()) / (total - 1))
    return 1 - observed / expected if expected else float("nan")


def plurality(counts: np.ndarray) -> np.ndarray:
    """Return (N,) the label that most annotators give; -1 where none does, or several do.

    Args:
        counts: (N, K) answers, by row and label.
    """
    most = counts.max(axis=1)
    is_clear = (most > 0) & ((counts == most[:, None]).sum(axis=1) == 1)
    return np.where(is_clear, counts.argmax(axis=1), UNLABELLED)
