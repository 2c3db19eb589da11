"""Folds for out-of-sample probabilities: stratified, with duplicate texts kept together.

A row must never be judged by a model that was trained on (nearly) the same text, or its own label
would vouch for itself; so a duplicate group goes into one fold as a whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from noisefix.errors import DataError
from noisefix.labels import UNLABELLED

NO_FOLD = -1


def make_folds(
    given_labels: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    n_folds: int = 5,
    seed: int = 0,
    keys: np.ndarray | None = None,
) -> np.ndarray:
    """Deal the labelled rows into folds of equal size and equal class shares.

    Groups of several rows are placed first, largest first, each into the fold where its classes
    are rarest; single rows then level the classes, and the sizes, out. So the folds' sizes differ
    by at most about K, and the counts of a class by at most 1, unless a large group prevents it.

    A class with at least two groups has rows in at least two folds, so that every model but those
    of a class with one single group has seen the class (a chain of mixed-label groups that leaves
    no such fold free is the one exception). Rows of a one-group class are judged by a model that
    has never seen their class: see ``linear_probe`` for the small probability they get.

    Args:
        given_labels: (N,) class ids, -1 = unlabelled.
        groups: (N,) ids of the duplicate groups; None: every row is its own group. Unlabelled
            rows do not count: no label of theirs can leak.
        n_folds: number of folds, at least 2.
        seed: which of the many equally good dealings.
        keys: (N,) uint64 from ``row_keys``, equal only for rows of one group. With them the
            dealing depends on what the rows hold, not on the order they come in.

    Returns:
        (N,) int64 fold of each row in 0..n_folds-1; ``NO_FOLD`` for unlabelled rows. With fewer
        groups than folds some folds are empty.

    Raises:
        DataError: fewer than two folds, or arrays of different lengths.
    """
    n_rows = len(given_labels)
    if n_folds < 2:
        raise DataError(f"{n_folds} folds: out-of-sample probabilities need at least 2")
    if any(a is not None and len(a) != n_rows for a in (groups, keys)):
        raise DataError("labels, groups and keys must have one entry a row")

    folds = np.full(n_rows, NO_FOLD, dtype=np.int64)
    rows = np.flatnonzero(given_labels != UNLABELLED)
    if not len(rows):
        return folds
    labels = given_labels[rows]
    n_classes = int(labels.max()) + 1
    order = _random_order(len(rows), seed, None if keys is None else keys[rows])
    rows, labels = rows[order], labels[order]
    group = _dense_ids(np.arange(n_rows) if groups is None else groups, rows)

    dealt = np.full(len(rows), NO_FOLD, dtype=np.int64)
    counts = np.zeros((n_folds, n_classes), dtype=np.int64)
    group_sizes = np.bincount(group)
    _deal_groups(labels, group, group_sizes, counts, dealt)
    single = group_sizes[group] == 1
    class_sizes = np.bincount(labels, minlength=n_classes)
    for k in np.argsort(class_sizes, kind="stable"):  # rare classes first: the others level sizes
        members = np.flatnonzero(single & (labels == k))
        if len(members):
            dealt[members] = _level(counts, int(k), len(members))
            counts[:, k] += np.bincount(dealt[members], minlength=n_folds)
    folds[rows] = dealt
    return folds


def row_keys(texts: Sequence[str | None], seed: int = 0) -> np.ndarray:
    """Return (N,) uint64 hashes of the texts: a random order that rows carry with them."""
    salt = seed.to_bytes(8, "little", signed=True)
    digests = b"".join(
        hashlib.blake2b(
            (text or "").encode("utf-8", "surrogatepass"), digest_size=8, salt=salt
        ).digest()
        for text in texts
    )
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def _random_order(n_rows: int, seed: int, keys: np.ndarray | None) -> np.ndarray:
    if keys is None:
        return np.random.default_rng(seed).permutation(n_rows)
    return np.argsort(keys, kind="stable")


def _dense_ids(groups: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Number the groups of ``rows`` by first appearance, so that the order is that of the rows."""
    _, first, inverse = np.unique(groups[rows], return_index=True, return_inverse=True)
    number = np.empty(len(first), dtype=np.int64)
    number[np.argsort(first)] = np.arange(len(first))
    ids: np.ndarray = number[inverse]
    return ids


def _deal_groups(
    labels: np.ndarray,
    group: np.ndarray,
    group_sizes: np.ndarray,
    counts: np.ndarray,
    dealt: np.ndarray,
) -> None:
    """Place every group of two rows or more; fills ``dealt`` and ``counts`` in place."""
    n_folds, n_classes = counts.shape
    class_sizes = np.bincount(labels, minlength=n_classes).astype(np.float64)
    many = np.flatnonzero(group_sizes > 1)
    many = many[np.argsort(-group_sizes[many], kind="stable")]
    members = np.argsort(group, kind="stable")
    ends = np.cumsum(group_sizes)
    target = len(labels) / n_folds
    for g in many:
        rows = members[ends[g] - group_sizes[g] : ends[g]]
        classes, sizes = np.unique(labels[rows], return_counts=True)
        here = counts[:, classes]  # (n_folds, classes of the group)
        # A class all of whose rows so far are in one fold must not put this group there too.
        confined = (here > 0).sum(axis=0) == 1
        cost = ((here > 0) & confined).sum(axis=1) * 1e6
        cost += (here * (sizes / class_sizes[classes])).sum(axis=1) / sizes.sum()
        cost += counts.sum(axis=1) / target * 1e-3
        fold = int(np.argmin(cost))
        dealt[rows] = fold
        counts[fold, classes] += sizes


def _level(counts: np.ndarray, k: int, n_new: int) -> np.ndarray:
    """Return the folds of ``n_new`` single rows of class ``k``: always the fold that has fewest."""
    n_folds = len(counts)
    have = counts[:, k]
    by_size = np.argsort(counts.sum(axis=1), kind="stable")
    top = max(int(have.max()), -(-(int(have.sum()) + n_new) // n_folds)) + 1
    slots = [np.arange(have[fold], top) for fold in by_size]
    level = np.concatenate(slots)
    fold = np.repeat(by_size, [len(s) for s in slots])
    chosen: np.ndarray = fold[np.argsort(level, kind="stable")[:n_new]]
    return chosen
