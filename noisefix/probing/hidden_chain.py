"""Sequences of rows, and the hidden Markov chain of their true labels.

Source: Rabiner 1989, "A tutorial on hidden Markov models and selected applications in speech
recognition", section III: forward-backward, and the re-estimation of the transitions. The emissions
stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NO_PLACE = -1
"""Position of a row that is in no sequence."""

_ROUNDS = 3
_PRIOR_ROWS = 30.0
"""So many rows of each class are imagined to be followed by the class shares."""


@dataclass(frozen=True, eq=False)
class Sequences:
    """Where N rows stand.

    Attributes:
        groups: (N,) int64, rows of one conversation, document or session share a number.
        places: (N,) int64, their order within it; ``NO_PLACE``: in no sequence. Rows with the same
            place follow each other as they do in the file.
        names: names of the groups by number; empty where there is one sequence only.
    """

    groups: np.ndarray
    places: np.ndarray
    names: tuple[str, ...] = ()

    def parts(self) -> list[np.ndarray]:
        """Return the rows of each sequence in order, those of one row left out."""
        rows = np.flatnonzero(self.places != NO_PLACE)
        rows = rows[np.lexsort((rows, self.places[rows], self.groups[rows]))]
        edges = np.flatnonzero(np.diff(self.groups[rows])) + 1
        return [part for part in np.split(rows, edges) if len(part) > 1]


def transitions(
    parts: Sequence[np.ndarray], emissions: np.ndarray, shares: np.ndarray
) -> np.ndarray:
    """Estimate (K, K) P(true label of the next row | true label), rows sum to 1.

    Args:
        parts: rows of each sequence, in order.
        emissions: (N, K) likelihood ratios of each class against the average class.
        shares: (K,) class shares, towards which the transitions are drawn.
    """
    followed = np.zeros((len(shares), len(shares)))
    posterior = emissions * shares
    posterior /= posterior.sum(axis=1, keepdims=True)
    before = np.concatenate([part[:-1] for part in parts])
    after = np.concatenate([part[1:] for part in parts])
    followed += posterior[before].T @ posterior[after]
    for _ in range(_ROUNDS):
        followed = messages(parts, emissions, shares, _smoothed(followed, shares))
    return _smoothed(followed, shares)


def _smoothed(followed: np.ndarray, shares: np.ndarray) -> np.ndarray:
    rows = followed.sum(axis=1, keepdims=True)
    smoothed: np.ndarray = (followed + _PRIOR_ROWS * shares) / (rows + _PRIOR_ROWS)
    smoothed /= smoothed.sum(axis=1, keepdims=True)
    return smoothed


def messages(
    parts: Sequence[np.ndarray],
    emissions: np.ndarray,
    shares: np.ndarray,
    transition: np.ndarray,
    ratios: np.ndarray | None = None,
) -> np.ndarray:
    """Smooth: the prior of each row given all other rows of its sequence.

    Args:
        parts: rows of each sequence, in order.
        emissions: (N, K) likelihood ratios.
        shares: (K,) class shares: the first row's prior.
        transition: (K, K) from ``transitions``.
        ratios: (N, K) filled in place for the rows of the sequences: the prior over the shares.

    Returns:
        (K, K) how often each class is expected to follow each other one.
    """
    n_classes = len(shares)
    followed = np.zeros((n_classes, n_classes))
    for rows in _stacked(parts):  # (S, T) padded with -1
        n_parts, length = rows.shape
        there = rows >= 0
        seen = np.where(there[:, :, None], emissions[np.maximum(rows, 0)], 1.0)  # (S, T, K)
        ahead = np.empty((length, n_parts, n_classes))
        behind = np.ones((length, n_parts, n_classes))
        ahead[0] = shares
        for t in range(1, length):
            past = ahead[t - 1] * seen[:, t - 1]
            ahead[t] = (past / past.sum(axis=1, keepdims=True)) @ transition
        for t in range(length - 2, -1, -1):
            future = behind[t + 1] * seen[:, t + 1]
            future = (future / future.sum(axis=1, keepdims=True)) @ transition.T
            is_last = ~there[:, t + 1]
            behind[t] = np.where(is_last[:, None], 1.0, future)
        for t in range(length - 1):
            both = there[:, t + 1]
            past = (ahead[t] * seen[:, t])[both]
            future = (behind[t + 1] * seen[:, t + 1])[both]
            weight = np.einsum("sk,kl,sl->s", past, transition, future, optimize=True)
            followed += transition * ((past / weight[:, None]).T @ future)
        if ratios is not None:
            prior = np.swapaxes(ahead * behind, 0, 1)[there]
            prior /= prior.sum(axis=1, keepdims=True)
            ratios[rows[there]] = prior / np.maximum(shares, 1e-9)
    return followed


def _stacked(parts: Sequence[np.ndarray], at_once: int = 256) -> list[np.ndarray]:
    """Lay sequences of about the same length side by side, filled up with -1."""
    ordered = sorted(parts, key=len)
    stacks = []
    for start in range(0, len(ordered), at_once):
        some = ordered[start : start + at_once]
        rows = np.full((len(some), len(some[-1])), -1, dtype=np.int64)
        for place, part in enumerate(some):
            rows[place, : len(part)] = part
        stacks.append(rows)
    return stacks
