"""Groups of rows that may be a class of their own, which the set of labels lacks.

Whoever labels with a list that lacks a class gives its rows whatever seems nearest: they lie
together, as rows of one class do, and have the labels of many. Elsewhere in the same data near rows
agree. So a group is made of rows round which labels agree far less than they do elsewhere, and that
have hardly any neighbours but each other; a border between classes, or hard rows here and there,
have others. The method is noisefix's own; its constants were chosen on clean_banking77 and
clean_hwu64 with classes taken out.
"""

from __future__ import annotations

import numpy as np

from noisefix.labels import UNLABELLED
from noisefix.neighbors.search import Neighbors
from noisefix.vectors import blocks

N_VOTERS = 15
"""So many nearest rows, and the row itself, tell how far labels agree."""

N_LINKED = 10
LEAST_ROWS = 10
"""Smaller groups are not reported."""

_LOW = 0.3
"""Labels of a group agree at most this much, the usual agreement in the same data being 1."""

_USUAL = 0.75
"""Quantile of the rows' agreement that is taken for usual."""

_ABOVE_CHANCE = 1.3
"""Where this times the agreement by chance is not low, a group's labels cannot be told from any."""

_LEAST_CLOSED = 0.8
"""Share of the nearest rows of a group's rows that are in the group."""


def find_unnamed(
    given_labels: np.ndarray,
    nearest: Neighbors,
    duplicate_groups: np.ndarray,
    is_settled: np.ndarray | None = None,
) -> tuple[np.ndarray, ...]:
    """Find groups of rows that lie together and are given labels of many classes.

    Of (nearly) equal texts one is counted beside another row. With few classes, or where so many
    labels are wrong that near rows agree hardly more than by chance, nothing can be told and
    nothing is found; nor are rows of a missing class that all got the same one or two labels.

    Args:
        given_labels: (N,) class ids in 0..K-1, -1 = left out.
        nearest: of each row among the N, nearest first, none of its own duplicate group.
        duplicate_groups: (N,) int64.
        is_settled: (N,) bool: rows whose label a person has verified, which are in no group.

    Returns:
        The (R,) rows of each group, in ascending order; the largest group first.
    """
    labelled = given_labels != UNLABELLED
    if not labelled.any():
        return ()
    near = np.empty((len(given_labels), min(N_VOTERS, nearest.indices.shape[1])), np.int32)
    alone, agreement = np.empty(len(given_labels)), np.empty(len(given_labels))
    for first, last in blocks(len(given_labels)):
        block = slice(first, last)
        near[block] = _distinct(given_labels, nearest.indices[block], duplicate_groups)
        alone[block] = _agreement(given_labels, given_labels[block], near[block])
    for first, last in blocks(len(given_labels)):
        block = slice(first, last)
        agreement[block] = _smooth(alone, alone[block], near[block, :N_LINKED])
    shares = np.bincount(given_labels[labelled]) / labelled.sum()
    low = _LOW * float(np.quantile(agreement[labelled], _USUAL))
    if low < _ABOVE_CHANCE * float((shares**2).sum()):
        return ()
    chosen = labelled & (agreement <= low)
    if is_settled is not None:
        chosen &= ~is_settled
    groups = _closed_groups(chosen, near[:, :N_LINKED])
    return tuple(sorted(groups, key=lambda rows: (-len(rows), int(rows[0]))))


def _distinct(given_labels: np.ndarray, near: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return (R, N_VOTERS) the nearest labelled rows, one of each duplicate group; -1: no more."""
    usable = (near >= 0) & (given_labels[near] != UNLABELLED)
    of = np.where(usable, groups[near], -1)
    for place in range(1, near.shape[1]):
        usable[:, place] &= ~((of[:, :place] == of[:, place : place + 1]) & usable[:, :place]).any(
            1
        )
    first = np.argsort(~usable, axis=1, kind="stable")[:, :N_VOTERS]
    rows = np.take_along_axis(near, first, axis=1)
    found: np.ndarray = np.where(np.take_along_axis(usable, first, axis=1), rows, -1)
    return found


def _agreement(given_labels: np.ndarray, own: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Return (R,) share of the pairs among a row and its neighbours with the same label."""
    labels = np.column_stack([own, np.where(near >= 0, given_labels[near], UNLABELLED)])
    there = labels != UNLABELLED
    same = np.zeros(len(labels))
    for place in range(1, labels.shape[1]):
        equal = (labels[:, :place] == labels[:, place : place + 1]) & there[:, place : place + 1]
        same += equal.sum(axis=1)
    n = there.sum(axis=1)
    # Of a row alone nothing is known: it counts as agreeing, so that it is in no group.
    return np.where(n > 1, same / np.maximum(n * (n - 1) / 2, 1), 1.0)


def _smooth(agreement: np.ndarray, own: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Return (R,) mean over a row and its neighbours."""
    there = near >= 0
    total = own + np.where(there, agreement[near], 0.0).sum(axis=1)
    smoothed: np.ndarray = total / (1 + there.sum(axis=1))
    return smoothed


def _closed_groups(chosen: np.ndarray, near: np.ndarray) -> list[np.ndarray]:
    """Return the connected chosen rows, each linked with those that are nearest to each other."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    rows = np.flatnonzero(chosen)
    if len(rows) < LEAST_ROWS:
        return []
    place = np.full(len(chosen) + 1, -1)  # the last one: of no row
    place[rows] = np.arange(len(rows))
    linked = place[near[rows]]
    first, second = np.nonzero(linked >= 0)
    ends = (first, linked[first, second])
    links = csr_array((np.ones(len(first)), ends), shape=(len(rows), len(rows)))
    _, group = connected_components(links.multiply(links.T), directed=False)
    at_home = (linked >= 0) & (group[linked] == group[:, None])
    inside = np.bincount(group, weights=at_home.sum(axis=1))
    around = np.bincount(group, weights=(near[rows] >= 0).sum(axis=1))
    closed = (np.bincount(group) >= LEAST_ROWS) & (inside >= _LEAST_CLOSED * np.maximum(around, 1))
    return [rows[group == k] for k in np.flatnonzero(closed)]
