"""Probabilities as log-odds and back, as the weighing and its alarms count."""

from __future__ import annotations

import numpy as np

FLOOR = 1e-3
"""Probabilities are held within [FLOOR, 1 - FLOOR]: no witness is surer than that."""


def log_odds(p: np.ndarray) -> np.ndarray:
    """Return log(p / (1 - p)), p kept within the floor."""
    kept = np.clip(np.asarray(p, dtype=np.float64), FLOOR, 1 - FLOOR)
    odds: np.ndarray = np.log(kept) - np.log1p(-kept)
    return odds


def sigmoid(x: np.ndarray | float) -> np.ndarray:
    """Return 1 / (1 + exp(-x))."""
    p: np.ndarray = 1 / (1 + np.exp(-np.asarray(x, dtype=np.float64)))
    return p
