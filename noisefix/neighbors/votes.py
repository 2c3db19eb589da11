"""What the neighbours' labels say of a row: the neighbour view of the class probabilities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from noisefix.executors import IN_TURN, Executor
from noisefix.labels import UNLABELLED
from noisefix.neighbors.search import Neighbors, nearest
from noisefix.vectors import SomeRows, Vectors, as_vectors, blocks

N_NEIGHBORS = 30
TEMPERATURE = 0.15  # cosine difference over which a neighbour's weight falls by a factor e
_MIN_DISTANCE = 0.05  # nearer rows weigh as if this far: none outvotes all others


def vote(neighbors: Neighbors, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Return each row's share of each class among its neighbours, by inverse distance.

    The distance is that of the unit vectors, sqrt(2 - 2 cosine).

    Args:
        neighbors: (Q, k) indices into ``labels``.
        labels: (B,) class ids in 0..K-1 of the rows that may vote.
        n_classes: K, whichever of the classes occur.

    Returns:
        (Q, K) float64; rows sum to 1, or to 0 where a row has no neighbours.
    """
    distance = np.sqrt(np.maximum(2.0 - 2.0 * neighbors.similarities, 0.0))
    sums = weighted_counts(neighbors, labels, n_classes, 1.0 / np.maximum(distance, _MIN_DISTANCE))
    total = sums.sum(axis=1, keepdims=True)
    probs: np.ndarray = sums / np.where(total > 0, total, 1.0)
    return probs


def weighted_counts(
    neighbors: Neighbors, labels: np.ndarray, n_classes: int, weights: np.ndarray
) -> np.ndarray:
    """Sum the weights (Q, k) of the neighbours by their class: (Q, K) float64."""
    found = neighbors.indices >= 0
    row = np.nonzero(found)[0]
    cell = row * n_classes + labels[neighbors.indices[found]]
    n_rows = len(neighbors.indices)
    counts = np.bincount(cell, weights=weights[found], minlength=n_rows * n_classes)
    return counts.astype(np.float64).reshape(n_rows, n_classes)


def labelled_neighbors(
    embeddings: Vectors | np.ndarray,
    given_labels: np.ndarray,
    groups: np.ndarray,
    n_neighbors: int = N_NEIGHBORS,
    *,
    neighbors: Neighbors | None = None,
    device: str = "auto",
    executor: Executor = IN_TURN,
) -> Neighbors:
    """Find each row's nearest labelled rows outside of its own duplicate group.

    Args:
        embeddings: (N, D) unit vectors.
        given_labels: (N,) class ids, -1 = unlabelled.
        groups: (N,) duplicate groups; a row's own copies (and itself) say nothing new of it.
        n_neighbors: k.
        neighbors: of each row among all rows, if known: only the rows for which these do not
            hold k labelled ones of other groups are searched for again.
        device: as for ``nearest``.
        executor: likewise.

    Returns:
        (N, k) indices into the N rows; fewer than k only where no more exist.
    """
    vectors, n_rows = as_vectors(embeddings), len(embeddings)
    voters = Neighbors.none_yet(n_rows, n_neighbors, n_rows)
    indices, similarities = voters.indices, voters.similarities
    missing, recall = np.arange(n_rows), 1.0
    if neighbors is not None:
        recall = neighbors.recall
        for first, last in blocks(n_rows):
            near, similar = neighbors.indices[first:last], neighbors.similarities[first:last]
            usable = near >= 0
            usable &= given_labels[near] != UNLABELLED
            usable &= groups[near] != groups[first:last, None]
            place = np.cumsum(usable, axis=1) - 1
            row, at = np.nonzero(usable & (place < n_neighbors))
            indices[first + row, place[row, at]] = near[row, at]
            similarities[first + row, place[row, at]] = similar[row, at]
        missing = np.flatnonzero(indices[:, -1] < 0)
    labelled = np.flatnonzero(given_labels != UNLABELLED)
    if len(missing) and len(labelled):
        everything = len(missing) == len(labelled) == n_rows
        base = vectors if everything else SomeRows(vectors, labelled)
        base_groups = groups if everything else groups[labelled]
        found = nearest(
            base if everything else SomeRows(vectors, missing),
            base,
            n_neighbors,
            query_groups=base_groups if everything else groups[missing],
            base_groups=base_groups,
            device=device,
            executor=executor,
        )
        indices[missing] = np.where(found.indices >= 0, labelled[found.indices], -1)
        similarities[missing] = found.similarities
        recall = min(recall, found.recall)
    return replace(voters, recall=recall)


def knn_probs(
    neighbors: Neighbors,
    given_labels: np.ndarray,
    n_classes: int,
    *,
    temperature: float = TEMPERATURE,
    prior_weight: float = 1.0,
) -> np.ndarray:
    """Return each row's class probabilities from the given labels of its neighbours.

    A neighbour counts exp((cosine - cosine of the nearest) / temperature); the class shares count
    as ``prior_weight`` further neighbours, so that no class is ever impossible. The row's own label
    does not count: the result is out of sample.

    Args:
        neighbors: from ``labelled_neighbors``.
        given_labels: (N,) class ids, -1 = unlabelled.
        n_classes: K.
        temperature: in units of cosine, > 0.
        prior_weight: > 0.

    Returns:
        (N, K) float32; rows sum to 1. A row without neighbours gets the class shares.
    """
    counts = np.bincount(given_labels[given_labels != UNLABELLED], minlength=n_classes) + 0.5
    best = neighbors.similarities[:, :1]
    weights = np.exp((neighbors.similarities.astype(np.float64) - best) / temperature)
    sums = weighted_counts(neighbors, given_labels, n_classes, weights)
    sums += prior_weight * counts / counts.sum()
    probs: np.ndarray = (sums / sums.sum(axis=1, keepdims=True)).astype(np.float32)
    return probs
