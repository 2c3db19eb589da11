"""Which rows are flagged: as many as find the most errors for the fewest rows looked at in vain."""

from __future__ import annotations

import numpy as np

from noisefix.probing.readings import UNKNOWN

FLOOR = 0.25
"""Rows below this p_error are not flagged by expected F1."""

PERHAPS_CLEAN = 0.02
"""Data are perhaps clean where their noise rate's interval begins below this."""

PERHAPS_CLEAN_UNTOLD = 0.012
"""The same where nobody said who labelled: the interval is wider, and begins lower."""

PERHAPS_CLEAN_SHARE = 0.02
"""Of such data no larger share of the rows is flagged."""


def perhaps_clean(noise_rate_low: float, labelled_by: str) -> bool:
    """Tell whether data may be without an error, by their noise rate's lower end, in [0, 1]."""
    limit = PERHAPS_CLEAN_UNTOLD if labelled_by == UNKNOWN else PERHAPS_CLEAN
    return noise_rate_low < limit


def flag_rows(
    p_error: np.ndarray,
    *,
    is_perhaps_clean: bool = False,
    precision: float | None = None,
    top: int | None = None,
) -> np.ndarray:
    """Return (N,) bool: the rows to flag, always the most suspicious ones.

    By default as many as give the largest expected F1, 2 sum(p of the flagged) / (flagged + sum of
    all p), but never more than the expected number of errors, none below a floor, and few where the
    data are perhaps clean.

    Args:
        p_error: (N,) probabilities that the label is wrong; NaN: not to be flagged.
        is_perhaps_clean: see ``perhaps_clean``; few rows are flagged.
        precision: flag rows while their mean p_error is at least this instead.
        top: flag so many rows instead.
    """
    flags = np.zeros(len(p_error), dtype=bool)
    judged = np.flatnonzero(~np.isnan(p_error))
    order = judged[np.argsort(-p_error[judged], kind="stable")]
    p = p_error[order]
    if top is not None:
        n_flagged = min(top, len(p))
    elif precision is not None:
        enough = np.cumsum(p) >= precision * np.arange(1, len(p) + 1) - 1e-9
        n_flagged = int(np.flatnonzero(enough).max(initial=-1)) + 1
    else:
        n_flagged = _by_expected_f1(p)
        if is_perhaps_clean:
            n_flagged = min(n_flagged, int(np.ceil(PERHAPS_CLEAN_SHARE * len(p))))
    if top is None and 0 < n_flagged < len(p):  # equal rows are treated alike, in whatever order
        first = int(np.searchsorted(-p, -p[n_flagged - 1], side="left"))
        last = int(np.searchsorted(-p, -p[n_flagged - 1], side="right"))
        if last != n_flagged:
            n_flagged = first if first or (is_perhaps_clean and precision is None) else last
    flags[order[:n_flagged]] = True
    return flags


def _by_expected_f1(p: np.ndarray) -> int:
    """Return how many of the rows, most suspicious first, to flag."""
    expected = p.sum()
    if not len(p) or expected <= 0:
        return 0
    f1 = 2 * np.cumsum(p) / (np.arange(1, len(p) + 1) + expected)
    best = int(np.flatnonzero(f1 >= f1.max() - 1e-12)[0]) + 1
    return int(min(best, np.ceil(expected), (p >= FLOOR).sum()))
