"""Probabilities as logits and log-odds and back, and the intervals of shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Z_90, Z_95 = 1.645, 1.959964
"""Quantiles of the normal distribution: 90 % and 95 % of it lie within that many deviations."""


@dataclass(frozen=True)
class Interval:
    """An estimate with the ends of its 90 % interval; NaN where nothing tells."""

    value: float
    low: float
    high: float


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return exp(logits), (..., K), scaled to sum 1 over the last axis, without overflow."""
    probs: np.ndarray = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probs /= probs.sum(axis=-1, keepdims=True)
    return probs


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return the logarithm of ``softmax``, without losing what is next to nothing."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_probs: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return log_probs


def log_odds(p: np.ndarray, floor: float = 1e-6) -> np.ndarray:
    """Return log(p / (1 - p)), p kept within [floor, 1 - floor]."""
    kept = np.clip(p, floor, 1 - floor)
    odds: np.ndarray = np.log(kept) - np.log1p(-kept)
    return odds


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)) without overflow."""
    positive: np.ndarray = 1 / (1 + np.exp(-np.abs(x)))
    return np.where(x >= 0, positive, 1 - positive)


def small_sigmoid(x: np.ndarray | float) -> np.ndarray:
    """Return 1 / (1 + exp(-x)) for x above -700, exact to the last digit however small it is."""
    p: np.ndarray = 1 / (1 + np.exp(-np.asarray(x, dtype=np.float64)))
    return p


def mean_half_width(p: np.ndarray) -> float:
    """Return half the width of the 90 % interval of the share of N events that happen.

    Args:
        p: (N,) the events' probabilities; they are independent. Without any, 0.
    """
    return Z_90 * float(np.sqrt((p * (1 - p)).sum())) / max(len(p), 1)


def share_interval(hits: int, rows: int, z: float = Z_95) -> tuple[float, float]:
    """Return the ends of the 95 % interval of a share; NaN where there is no row.

    Args:
        hits: rows that count.
        rows: all rows.
        z: quantile of the normal distribution; another one gives another interval.

    Source: Wilson 1927, Probable inference, the law of succession, and statistical inference: the
    score interval, without correction for continuity.
    """
    if rows == 0:
        return float("nan"), float("nan")
    share, spread = hits / rows, z * z / rows
    centre = share + spread / 2
    half = z * (share * (1 - share) / rows + spread / (4 * rows)) ** 0.5
    low, high = (centre - half) / (1 + spread), (centre + half) / (1 + spread)
    return max(low, 0.0), min(high, 1.0)
