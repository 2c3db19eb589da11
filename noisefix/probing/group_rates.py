"""How many labels of each group are probably wrong: a conversation, a document, a session."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisefix.probing.hidden_chain import NO_PLACE, Sequences


@dataclass(frozen=True)
class GroupRate:
    """One group of rows: how many labels of it are probably wrong."""

    group: str
    rows: int
    noise_rate: float


def group_rates(
    p_error: np.ndarray, sequences: Sequences, at_most: int | None = None
) -> list[GroupRate]:
    """Estimate the share of wrong labels in each group, drawn towards that of all.

    How far is measured: as much as the groups' means vary beyond what the rows in them explain
    (the method of moments of the one-way random-effects model).

    Args:
        p_error: (N,) probability that the label is wrong; NaN where there is none.
        sequences: with the groups and their names.
        at_most: how many groups to return; None: all.

    Returns:
        The groups with labelled rows, the most wrong ones first.
    """
    rows = np.flatnonzero(~np.isnan(p_error) & (sequences.places != NO_PLACE))
    if not len(rows) or not sequences.names:
        return []
    group, p = sequences.groups[rows], p_error[rows]
    sizes = np.bincount(group, minlength=len(sequences.names)).astype(np.float64)
    held = np.flatnonzero(sizes)
    sums = np.bincount(group, weights=p, minlength=len(sequences.names))
    rate = p.mean()
    weight = _shrinkage(p, group, sums[held] / sizes[held], sizes[held], rate)
    shrunk = rate + weight * (sums[held] / sizes[held] - rate)
    order = np.lexsort((held, -np.round(shrunk, 6)))[:at_most]
    return [
        GroupRate(sequences.names[held[k]], int(sizes[held[k]]), float(shrunk[k])) for k in order
    ]


def _shrinkage(
    p: np.ndarray, group: np.ndarray, means: np.ndarray, sizes: np.ndarray, rate: float
) -> np.ndarray:
    """Return (G,) how much of a group's own mean counts, in [0, 1]."""
    n_rows, n_groups = float(len(p)), len(means)
    if n_groups < 2 or n_rows <= n_groups:
        return np.zeros(n_groups)
    own = np.zeros(int(group.max()) + 1)
    own[np.unique(group)] = means
    within = ((p - own[group]) ** 2).sum() / (n_rows - n_groups)
    between = (sizes * (means - rate) ** 2).sum() / (n_groups - 1)
    typical = (n_rows - (sizes**2).sum() / n_rows) / (n_groups - 1)
    extra = max(between - within, 0.0) / typical
    return np.asarray(extra / (extra + within / sizes)) if extra > 0 else np.zeros(n_groups)
