"""The noise rate after people or an annotator have looked at some rows."""

from __future__ import annotations

import numpy as np

from noisefix.detection.gates import NoiseRate


def settled_rate(
    rate: NoiseRate, before: np.ndarray, after: np.ndarray, is_known: np.ndarray
) -> NoiseRate:
    """Let what was found out of single rows move the share of wrong labels.

    Estimate and interval move by the mean change of p_error, and stay within what the rows that a
    person decided leave possible.

    Args:
        rate: as it was estimated.
        before: (N,) p_error then, in [0, 1]; NaN where there is none.
        after: (N,) p_error with what was found out; NaN as before, or for rows to be left out.
        is_known: (N,) bool: a person has decided.

    Returns:
        The noise rate of the labels as they are, not as they would be repaired.
    """
    counted = ~np.isnan(before)
    n_rows = int(counted.sum())
    if not n_rows:
        return rate
    now = np.where(np.isnan(after), 1.0, after)[counted]
    moved = float((now - before[counted]).sum()) / n_rows
    known = is_known[counted]
    least = float(now[known].sum()) / n_rows
    most = least + float((~known).sum()) / n_rows
    low, estimate, high = (
        float(np.clip(share + moved, least, most)) for share in (rate.low, rate.estimate, rate.high)
    )
    return NoiseRate(estimate, low, high)
