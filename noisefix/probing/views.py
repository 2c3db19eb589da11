"""Independent looks at every row: the linear probe, the words, the neighbours.

Where rows are no texts but vectors of anything, there are no words. Where they have several
vectors, each kind has a probe.

All are out of sample: a row's own label, and those of its (near-)duplicates, have no part in what
is said of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from noisefix.confident.validation import row_blocks
from noisefix.executors import IN_TURN, Executor
from noisefix.labels import UNLABELLED
from noisefix.neighbors.duplicates import duplicate_groups, same_vectors
from noisefix.neighbors.search import Neighbors, nearest
from noisefix.neighbors.votes import N_NEIGHBORS, knn_probs, labelled_neighbors
from noisefix.probing.folds import make_folds, row_keys
from noisefix.probing.judgeable import judgeable_rows, written_rows
from noisefix.probing.linear_probe import out_of_fold_probs
from noisefix.probing.pooling import pool_views
from noisefix.probing.word_features import word_probs
from noisefix.progress import Progress
from noisefix.vectors import InFile, Vectors

_SPARE_NEIGHBORS = 10
"""Looked up beyond those that vote, for the duplicates and unlabelled rows among them."""


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What lies near each row.

    Attributes:
        nearest: (N, 30) the rows nearest to each whose labels can be judged, none of its own
            duplicate group.
        duplicate_groups: (N,) int64; rows with (nearly) the same text share a number. Rows without
            a text are nobody's duplicates.
    """

    nearest: Neighbors
    duplicate_groups: np.ndarray

    def part(self, rows: slice) -> Surroundings:
        """Return what lies near some rows; neighbours and groups keep their numbers."""
        near = replace(
            self.nearest,
            indices=self.nearest.indices[rows],
            similarities=self.nearest.similarities[rows],
        )
        return Surroundings(near, self.duplicate_groups[rows])


@dataclass(frozen=True, eq=False)
class Views:
    """What the three views say.

    Attributes:
        probe: (N, K) float32, logistic regression on the embeddings, out of fold.
        words: (N, K) float32, word and character n-grams, out of fold; None: there are no texts.
        neighbors: (N, K) float32, vote of the nearest labelled rows.
        pooled: (N, K) float32, their normalised geometric mean.
        second_probe: (N, K) float32, as ``probe``, on the second embeddings; None: there are none.
    """

    probe: np.ndarray
    words: np.ndarray | None
    neighbors: np.ndarray
    pooled: np.ndarray
    second_probe: np.ndarray | None = None

    def part(self, rows: slice) -> Views:
        """Return what the views say of some rows."""
        return Views(
            self.probe[rows],
            None if self.words is None else self.words[rows],
            self.neighbors[rows],
            self.pooled[rows],
            None if self.second_probe is None else self.second_probe[rows],
        )

    @property
    def models(self) -> list[np.ndarray]:
        """The views that are models of the labels: probes and words."""
        return [view for view in (self.probe, self.second_probe, self.words) if view is not None]


def look_around(
    embeddings: Vectors | np.ndarray,
    texts: Sequence[str],
    given_labels: np.ndarray,
    *,
    has_text: bool = True,
    device: str = "auto",
    executor: Executor = IN_TURN,
    progress: Callable[[Progress], None] | None = None,
) -> Surroundings:
    """Find the nearest rows of each row that may vote, and the groups of (nearly) the same text.

    Rows without a text do not vote, nor does the one text of a class (``judgeable_rows``).

    Args:
        embeddings: (N, D) unit-length rows.
        texts: (N,) texts.
        given_labels: (N,) class ids, -1 = unlabelled.
        has_text: False: the texts are names of rows that have none. Nearly the same vector then
            stands for nearly the same text.
        device: "auto", "cpu", "cuda" or "mps".
        executor: who looks for neighbours among many rows; changes no byte.
        progress: called as the neighbours of many rows are found.
    """
    found = nearest(
        embeddings,
        embeddings,
        N_NEIGHBORS + _SPARE_NEIGHBORS,
        exclude=np.arange(len(embeddings)),
        device=device,
        executor=executor,
        progress=progress,
    )
    written = written_rows(texts)
    if has_text:
        groups = _parted(duplicate_groups(texts, embeddings, neighbors=found), written)
    else:
        groups = same_vectors(embeddings, found)
    voting = np.where(judgeable_rows(given_labels, groups, written), given_labels, UNLABELLED)
    voters = labelled_neighbors(
        embeddings, voting, groups, neighbors=found, device=device, executor=executor
    )
    return Surroundings(voters, groups)


def _parted(groups: np.ndarray, written: np.ndarray) -> np.ndarray:
    """Take every row without a text out of its group; groups keep their first row's number."""
    if written.all():
        return groups
    alone = len(groups) + np.arange(len(groups))
    _, first, inverse = np.unique(
        np.where(written, groups, alone), return_index=True, return_inverse=True
    )
    numbered: np.ndarray = first[inverse].astype(np.int64)
    return numbered


def look(
    embeddings: Vectors | np.ndarray,
    texts: Sequence[str],
    given_labels: np.ndarray,
    n_classes: int,
    surroundings: Surroundings,
    *,
    second: Vectors | np.ndarray | None = None,
    has_text: bool = True,
    n_folds: int = 5,
    seed: int = 0,
) -> Views:
    """Compute the views.

    Args:
        embeddings: (N, D) unit-length rows. Where they lie in a file, there is room for the words
            beside it, too.
        texts: (N,) texts.
        given_labels: (N,) class ids in 0..K-1, -1 = unlabelled.
        n_classes: K.
        surroundings: of the same rows.
        second: (N, D2), other embeddings of the same rows, unit-length rows.
        has_text: False: the texts are names of rows that have none, and say nothing.
        n_folds: folds of the probe and the words.
        seed: seed of the folds.
    """
    folds = make_folds(
        given_labels,
        surroundings.duplicate_groups,
        n_folds=n_folds,
        seed=seed,
        keys=row_keys(texts, seed),
    )
    probe = out_of_fold_probs(embeddings, given_labels, folds, n_classes)
    scratch = embeddings.path.parent if isinstance(embeddings, InFile) else None
    words = word_probs(texts, given_labels, folds, n_classes, scratch) if has_text else None
    neighbors = _votes(surroundings.nearest, given_labels, n_classes)
    other = None if second is None else out_of_fold_probs(second, given_labels, folds, n_classes)
    seen = [view for view in (probe, words, neighbors, other) if view is not None]
    return Views(probe, words, neighbors, pool_views(seen), other)


def _votes(around: Neighbors, given_labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the view of the neighbours, made block by block: their sums are wider than it is."""
    probs = np.empty((len(given_labels), n_classes), dtype=np.float32)
    for block in row_blocks(len(probs), n_classes):
        part = Neighbors(around.indices[block], around.similarities[block])
        probs[block] = knn_probs(part, given_labels, n_classes)
    return probs
