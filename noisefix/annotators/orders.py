"""Other orders in which rows can be asked about, to hold the usual one against.

The usual order, ``selection.expected_benefit``, asks first where an answer should raise the number
of right labels most.
"""

from __future__ import annotations

import numpy as np

from noisefix.labels import UNLABELLED

ORDERS = ("value", "rad", "margin", "random")

ACCURACY_UNKNOWN = 0.8
"""How often an annotator that nobody has asked yet is right, for ``rad``."""

_LEAST_GAIN = 1e-3


def robust_odds(gains: np.ndarray, n_wrong: float) -> np.ndarray:
    """Return the odds of asking about each row that lose least to the worst case.

    An adversary chooses ``n_wrong`` rows whose answers are worth nothing. The odds maximise the
    gain that is sure to be left: all rows that may be asked get odds in inverse proportion to their
    gain, so that it does not matter which of them go wrong; ``k`` of them, the best ones, with
    (k - n_wrong) / sum(1 / gain) as large as can be.

    Args:
        gains: (N,) what a right answer gains, > 0.
        n_wrong: rows answered wrongly, 0 <= n_wrong < N; need not be a whole number.

    Returns:
        (N,) odds that sum to 1; 0 for rows that are not worth it.

    Source: the game of Baykal, Trinh, Iliopoulos, Menghani, Vee, "Robust Active Distillation",
    arXiv 2210.01213 (abstract); the solution is derived here.
    """
    order = np.argsort(-gains, kind="stable")
    inverse = 1 / gains[order]
    total = np.cumsum(inverse)
    sizes = np.arange(1, len(gains) + 1)
    values = np.where(sizes > n_wrong, (sizes - n_wrong) / total, -np.inf)
    # Of sizes that are worth the same, the largest: equal gains have equal odds.
    best = int(np.flatnonzero(values >= values.max() * (1 - 1e-12))[-1])
    odds = np.zeros(len(gains))
    odds[order[: best + 1]] = inverse[: best + 1] / total[best]
    return odds


def order_keys(
    order: str,
    given_labels: np.ndarray,
    true_label_probs: np.ndarray,
    eligible: np.ndarray,
    *,
    confusion: np.ndarray | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Return a key for every row; rows with larger ones are asked first.

    Args:
        order: "rad": drawn with ``robust_odds``, where a right answer gains the probability that
            the given label is wrong; "margin": the smallest difference between the two most
            probable labels first; "random": a random order.
        given_labels: (N,) class ids, -1 = unlabelled.
        true_label_probs: (N, K) P(true label) by all that is known so far.
        eligible: (N,) bool: rows that can be asked about.
        confusion: (K, K) estimated P(answer | true), from which the annotator's accuracy follows;
            None: nobody has been asked yet.
        seed: of the draws.

    Returns:
        (N,); -inf for rows that are not eligible.
    """
    keys = np.full(len(given_labels), -np.inf)
    rows = np.flatnonzero(eligible)
    probs = true_label_probs[rows].astype(np.float64)
    rng = np.random.default_rng(seed)
    # Drawn for all rows, so that a row keeps its place as others are answered.
    draws = rng.uniform(np.finfo(float).tiny, 1, len(given_labels))[rows]
    if order == "random":
        keys[rows] = draws
    elif order == "margin":
        top = -np.sort(-probs, axis=1)[:, :2]
        keys[rows] = top[:, 1] - top[:, 0]
    elif len(rows):
        given = given_labels[rows]
        kept = np.where(given == UNLABELLED, 0.0, probs[np.arange(len(rows)), given])
        gains = np.maximum(1 - kept, _LEAST_GAIN)
        accuracy = _accuracy(probs, confusion)
        odds = robust_odds(gains, min((1 - accuracy) * len(rows), len(rows) - 1))
        # Efraimidis and Spirakis 2006: the largest u^(1/p) are a draw without replacement.
        drawn = odds > 0
        keys[rows[drawn]] = np.log(draws[drawn]) / odds[drawn]
        floor = keys[rows[drawn]].min()
        keys[rows[~drawn]] = floor - 2 + gains[~drawn]  # after all others, the best first
    return keys


def _accuracy(probs: np.ndarray, confusion: np.ndarray | None) -> float:
    if confusion is None:
        return ACCURACY_UNKNOWN
    return float(probs.mean(axis=0) @ np.diag(confusion))
