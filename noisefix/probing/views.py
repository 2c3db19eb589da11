"""Three independent looks at every row: the linear probe, the words, the neighbours.

All are out of sample: a row's own label, and those of its (near-)duplicates, have no part in what
is said of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from noisefix.neighbors.duplicates import duplicate_groups
from noisefix.neighbors.search import Neighbors, nearest
from noisefix.neighbors.votes import N_NEIGHBORS, knn_probs, labelled_neighbors
from noisefix.probing.folds import make_folds, row_keys
from noisefix.probing.linear_probe import out_of_fold_probs
from noisefix.probing.pooling import pool_views
from noisefix.probing.word_features import word_probs

_SPARE_NEIGHBORS = 10
"""Looked up beyond those that vote, for the duplicates and unlabelled rows among them."""


@dataclass(frozen=True, eq=False)
class Views:
    """What the three views say, and what they rest on.

    Attributes:
        probe: (N, K) float32, logistic regression on the embeddings, out of fold.
        words: (N, K) float32, word and character n-grams, out of fold.
        neighbors: (N, K) float32, vote of the nearest labelled rows.
        pooled: (N, K) float32, their normalised geometric mean.
        nearest: (N, 30) the labelled rows that voted, none of the row's own duplicate group.
        duplicate_groups: (N,) int64; rows with (nearly) the same text share a number.
    """

    probe: np.ndarray
    words: np.ndarray
    neighbors: np.ndarray
    pooled: np.ndarray
    nearest: Neighbors
    duplicate_groups: np.ndarray


def look(
    embeddings: np.ndarray,
    texts: Sequence[str],
    given_labels: np.ndarray,
    n_classes: int,
    *,
    n_folds: int = 5,
    device: str = "auto",
    seed: int = 0,
) -> Views:
    """Compute the three views.

    Args:
        embeddings: (N, D) float32, unit-length rows.
        texts: (N,) texts.
        given_labels: (N,) class ids in 0..K-1, -1 = unlabelled.
        n_classes: K.
        n_folds: folds of the probe and the words.
        device: "auto", "cpu", "cuda" or "mps", for the neighbours.
        seed: seed of the folds.
    """
    found = nearest(
        embeddings,
        embeddings,
        N_NEIGHBORS + _SPARE_NEIGHBORS,
        exclude=np.arange(len(embeddings)),
        device=device,
    )
    groups = duplicate_groups(texts, embeddings, neighbors=found)
    voters = labelled_neighbors(embeddings, given_labels, groups, neighbors=found, device=device)
    folds = make_folds(given_labels, groups, n_folds=n_folds, seed=seed, keys=row_keys(texts, seed))
    probe = out_of_fold_probs(embeddings, given_labels, folds, n_classes)
    words = word_probs(texts, given_labels, folds, n_classes)
    neighbors = knn_probs(voters, given_labels, n_classes)
    pooled = pool_views([probe, words, neighbors])
    return Views(probe, words, neighbors, pooled, voters, groups)
