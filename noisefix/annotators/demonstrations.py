"""Demonstrations for a prompt: rows most surely labelled right, nearest to the row asked about.

The idea is NoiseAL's (Wang et al. 2024, arXiv 2504.02901): examples come from the clean set, near
in embedding space, the same number of each class. Two things are added: no example is a (near)
duplicate of the row itself, which would give the given label away as the answer, and no two
examples of a prompt are duplicates of each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from noisefix.labels import UNLABELLED

NO_GROUP = -1
_BLOCK_ENTRIES = 8_000_000  # similarities held at once: 32 MB


@dataclass(frozen=True)
class DemonstrationParams:
    """How many examples, and from which rows.

    Attributes:
        n_per_class: most examples of one class in a prompt.
        n_total: most examples in a prompt.
        clean_share: share of each class, lowest ``p_error`` first, that may serve as example.
        max_p_error: no row with a higher probability of a wrong label may.
    """

    n_per_class: int = 2
    n_total: int = 8
    clean_share: float = 0.5
    max_p_error: float = 0.3


def choose_demonstrations(
    embeddings: np.ndarray,
    given_labels: np.ndarray,
    p_error: np.ndarray,
    duplicate_groups: np.ndarray,
    rows: np.ndarray,
    label_pools: Sequence[Sequence[int]],
    params: DemonstrationParams | None = None,
) -> np.ndarray:
    """Choose examples for each row that is asked about.

    Each class of the row's pool gets its nearest clean row, in the order of the pool; then each
    its second nearest, and so on until there are enough. Equal similarities (to six decimals) go
    by row order. What is chosen for a row does not depend on which other rows are asked about.

    Args:
        embeddings: (N, D) unit-length embeddings of all rows.
        given_labels: (N,) class ids, or ``UNLABELLED``.
        p_error: (N,) probability that the given label is wrong, in [0, 1]; NaN: unknown.
        duplicate_groups: (N,) number of each row's group of near-duplicates, or ``NO_GROUP``.
        rows: (R,) the rows asked about.
        label_pools: R lists of class ids, the most plausible first.
        params: how many, and from which rows.

    Returns:
        (R, n_total) int64 row numbers, filled up with -1 where there are not enough clean rows.
    """
    params = params or DemonstrationParams()
    chosen = np.full((len(rows), params.n_total), -1, dtype=np.int64)
    clean = clean_rows(given_labels, p_error, duplicate_groups, params)
    nearest: dict[tuple[int, int], np.ndarray] = {}
    for k in sorted({k for pool in label_pools for k in pool}):
        examples = clean[given_labels[clean] == k]
        asking = np.array([i for i, pool in enumerate(label_pools) if k in pool], dtype=np.int64)
        found = _nearest(embeddings, duplicate_groups, rows[asking], examples, params.n_per_class)
        for i, near in zip(asking.tolist(), found, strict=True):
            nearest[i, k] = near
    for i, pool in enumerate(label_pools):
        picked = [
            int(nearest[i, k][place])
            for place in range(params.n_per_class)
            for k in dict.fromkeys(pool)
            if place < len(nearest[i, k])
        ][: params.n_total]
        chosen[i, : len(picked)] = picked
    return chosen


def clean_rows(
    given_labels: np.ndarray,
    p_error: np.ndarray,
    duplicate_groups: np.ndarray,
    params: DemonstrationParams | None = None,
) -> np.ndarray:
    """Return the rows that may serve as examples, in row order.

    Of each class the ``clean_share`` with the lowest ``p_error``, at least one row, none above
    ``max_p_error``; of each group of near-duplicates the one row that is surest. A group whose
    rows disagree about the label has no surest row and gives none.

    Args:
        given_labels: (N,) class ids, or ``UNLABELLED``.
        p_error: (N,) in [0, 1], or NaN.
        duplicate_groups: (N,) group numbers, or ``NO_GROUP``.
        params: which share, and the ceiling.
    """
    params = params or DemonstrationParams()
    usable = (given_labels != UNLABELLED) & (np.nan_to_num(p_error, nan=1.0) <= params.max_p_error)
    usable &= ~_in_divided_group(given_labels, duplicate_groups)
    by_certainty = np.argsort(p_error, kind="stable")
    by_certainty = by_certainty[usable[by_certainty]]
    group = duplicate_groups[by_certainty]
    # A row without a group is a group of its own; of every other group the first is the surest.
    own = np.where(group == NO_GROUP, -2 - np.arange(len(group)), group)
    by_certainty = by_certainty[np.sort(np.unique(own, return_index=True)[1])]
    kept = []
    for k in np.unique(given_labels[by_certainty]):
        members = by_certainty[given_labels[by_certainty] == k]
        share = max(1, int(params.clean_share * np.count_nonzero(given_labels == k)))
        kept.append(members[:share])
    return np.sort(np.concatenate(kept)) if kept else np.empty(0, dtype=np.int64)


def _in_divided_group(given_labels: np.ndarray, duplicate_groups: np.ndarray) -> np.ndarray:
    in_group = (duplicate_groups != NO_GROUP) & (given_labels != UNLABELLED)
    pairs = np.unique(np.stack([duplicate_groups, given_labels])[:, in_group], axis=1)
    numbers, labels_each = np.unique(pairs[0], return_counts=True)
    divided: np.ndarray = in_group & np.isin(duplicate_groups, numbers[labels_each > 1])
    return divided


def _nearest(
    embeddings: np.ndarray,
    groups: np.ndarray,
    rows: np.ndarray,
    examples: np.ndarray,
    count: int,
) -> Iterator[np.ndarray]:
    """Yield, for each row, up to ``count`` of the examples: nearest first, ties by row order."""
    if not len(examples):
        yield from (examples for _ in rows)
        return
    block = max(1, _BLOCK_ENTRIES // len(examples))
    for start in range(0, len(rows), block):
        asked = rows[start : start + block]
        similarities = embeddings[asked] @ embeddings[examples].T  # (block, M)
        for row, similarity in zip(asked.tolist(), np.round(similarities, 6), strict=True):
            same = (groups[examples] == groups[row]) & (groups[row] != NO_GROUP)
            similarity[same | (examples == row)] = -np.inf
            # Everything at least as near as the last one needed, so that ties are all there.
            last = np.partition(similarity, -min(count, len(examples)))[-min(count, len(examples))]
            near = np.flatnonzero((similarity >= last) & np.isfinite(similarity))
            order = np.argsort(-similarity[near], kind="stable")[:count]
            yield examples[near[order]]
