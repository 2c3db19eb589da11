"""HOC: noise rate and class shares from nothing but the labels of near rows.

If a row and its two nearest neighbours have the same true label, then how often which given labels
meet determines how common the true classes are and how each is mislabelled. No classifier has a
part in it, so that it is a second opinion on what the others estimate. Its assumption is seldom
quite true: it is a cross-check and no evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.labels import UNLABELLED
from noisefix.neighbors.search import Neighbors
from noisefix.probability import softmax
from noisefix.probing.sampling import some_rows
from noisefix.threads import one_blas_thread

if TYPE_CHECKING:
    from scipy.sparse import csr_array

LEAST_TRIPLES = 100
MOST_CLASSES = 100
LEAST_AGREEMENT = 0.1
"""Of the labels of near rows beyond chance: below it, they tell nothing of each other."""

_MOST_TRIPLES, _MOST_CELLS = 20_000, 500_000
_ROUGHLY = 1e-6
_DIAGONAL_AT_START = 5.0
_MAX_STEPS = 500


@dataclass(frozen=True)
class HigherOrderConsensus:
    """What the triples say.

    Attributes:
        shares: (K,) estimated share of each true class; sums to 1.
        transition_matrix: (K, K) P(given | true), [true, given]; rows sum to 1.
        n_triples: rows that were counted.
    """

    shares: np.ndarray
    transition_matrix: np.ndarray
    n_triples: int

    @property
    def noise_rate(self) -> float:
        """Estimated share of wrong labels, in [0, 1]."""
        return float(self.shares @ (1 - np.diag(self.transition_matrix)))


def label_triples(
    given_labels: np.ndarray, neighbors: Neighbors, groups: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Return (M, 3) the given labels of rows and of their two nearest neighbours, M <= R.

    The three have three different texts: copies were often labelled together, and would agree
    where others do not. Rows without two such neighbours, and unlabelled ones, are left out.

    Args:
        given_labels: (N,) class ids, -1 = unlabelled.
        neighbors: of each row among the N, nearest first, none of its own duplicate group.
        groups: (N,) duplicate groups.
        rows: (R,) the rows to count.
    """
    near, each = neighbors.indices[rows], np.arange(len(rows))
    usable = (near >= 0) & (given_labels[near] != UNLABELLED)
    first = near[each, usable.argmax(axis=1)]
    others = usable & (groups[near] != groups[first][:, None])
    second = near[each, others.argmax(axis=1)]
    kept = others.any(axis=1) & (given_labels[rows] != UNLABELLED)
    triples: np.ndarray = given_labels[np.stack([rows, first, second], axis=1)[kept]]
    return triples


@one_blas_thread()
def fit_hoc(
    triples: np.ndarray,
    n_classes: int,
    weights: np.ndarray | None = None,
    *,
    tolerance: float = 1e-13,
) -> HigherOrderConsensus:
    """Find the class shares and the noise matrix that make the counts of the triples.

    With p the shares and T the matrix, the labels of one row are distributed as p T, those of two
    as sum_k p_k T_k T_k', those of three as sum_k p_k T_k x T_k x T_k. The squared distances
    between these and the counted frequencies, each relative to the latter's size, are minimised
    from a matrix that is mostly right (the published method: the sum of the plain distances, by
    Adam). The result is the same at every run.

    Args:
        triples: (M, 3) class ids in 0..K-1, a row's own first; at least one.
        n_classes: K.
        weights: (M,) how often each triple occurs; None: once.
        tolerance: done when a step lowers the loss, about 1 for a far-off guess, by less.

    Source: Zhu, Song, Liu 2021, Clusterability as an Alternative to Anchor Points When Learning
    with Noisy Labels; the minimiser is a decision of this project.
    """
    from scipy.optimize import minimize

    counts = _Counts.of(triples, n_classes, weights)
    eye = np.eye(n_classes)
    mostly_right = softmax(_DIAGONAL_AT_START * eye)
    start = np.concatenate([counts.first + 1e-3, mostly_right.ravel()])
    found = minimize(
        counts.loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * len(start),
        options={"maxiter": _MAX_STEPS, "maxfun": 2 * _MAX_STEPS, "ftol": tolerance, "gtol": 1e-9},
    )
    shares, matrix = _unpack(found.x, n_classes)
    return HigherOrderConsensus(shares, matrix, len(triples))


def second_opinion(
    given_labels: np.ndarray, neighbors: Neighbors, groups: np.ndarray, n_classes: int
) -> HigherOrderConsensus | str:
    """Count the triples and fit them, or say in words why that would tell nothing.

    Args:
        given_labels: (N,) class ids in 0..K-1, -1 = left out.
        neighbors: of each row among the N, none of its own duplicate group.
        groups: (N,) duplicate groups.
        n_classes: K.
    """
    if n_classes > MOST_CLASSES:
        return f"there are more than {MOST_CLASSES} classes"
    at_most = min(_MOST_TRIPLES, _MOST_CELLS // n_classes)
    rows = some_rows(np.flatnonzero(given_labels != UNLABELLED), at_most)
    triples = label_triples(given_labels, neighbors, groups, rows)
    if len(triples) < LEAST_TRIPLES:
        return f"fewer than {LEAST_TRIPLES} rows have two neighbours with other texts"
    if _agreement(triples, n_classes) < LEAST_AGREEMENT:
        return "the labels of near rows hardly agree more often than by chance"
    return fit_hoc(triples, n_classes, tolerance=_ROUGHLY)


def _agreement(triples: np.ndarray, n_classes: int) -> float:
    """Return how often a row and its nearest have the same label, 0 being chance and 1 always."""
    shares = [np.bincount(triples[:, k], minlength=n_classes) / len(triples) for k in (0, 1)]
    by_chance = float(shares[0] @ shares[1])
    if by_chance >= 1:
        return 0.0
    return float(((triples[:, 0] == triples[:, 1]).mean() - by_chance) / (1 - by_chance))


@dataclass(frozen=True, eq=False)
class _Counts:
    """Frequencies of labels, pairs and triples; the triples as a list, never as (K, K, K)."""

    first: np.ndarray  # (K,)
    pairs: np.ndarray  # (K, K) symmetric
    triples: np.ndarray  # (U, 3) sorted within each
    frequency: np.ndarray  # (U,), sums to 1
    size: float  # of the symmetric (K, K, K) frequencies, squared
    one_hot: tuple[csr_array, ...]  # (U, K) the labels of each place

    @classmethod
    def of(cls, triples: np.ndarray, n_classes: int, weights: np.ndarray | None) -> _Counts:
        from scipy.sparse import csr_array

        part = np.full(len(triples), 1.0) if weights is None else weights.astype(np.float64)
        part = part / part.sum()
        first = np.bincount(triples[:, 0], part, minlength=n_classes)
        pairs = np.zeros((n_classes, n_classes))
        for column in (1, 2):
            np.add.at(pairs, (triples[:, 0], triples[:, column]), part / 4)
        ordered = np.sort(triples, axis=1).astype(np.int64)
        key = (ordered[:, 0] * n_classes + ordered[:, 1]) * n_classes + ordered[:, 2]
        _, index, inverse = np.unique(key, return_index=True, return_inverse=True)
        distinct, frequency = ordered[index], np.bincount(inverse, part)
        # A triple stands for its 6, 3 or 1 arrangements, among which its frequency is shared out.
        equal = (distinct[:, 0] == distinct[:, 1]).astype(int) + (distinct[:, 1] == distinct[:, 2])
        arrangements = np.array([6, 3, 1])[equal]
        size = float((frequency**2 / arrangements).sum())
        cells, ones = np.arange(len(distinct)), np.ones(len(distinct))
        shape = (len(distinct), n_classes)
        one_hot = tuple(csr_array((ones, (cells, labels)), shape) for labels in distinct.T)
        return cls(first, pairs + pairs.T, distinct, frequency, size, one_hot)

    def loss(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the sum of the relative squared distances, and its gradient."""
        n_classes = len(self.first)
        p, t = _unpack(point, n_classes)
        gram = t @ t.T
        one, two = p @ t - self.first, (t.T * p) @ t - self.pairs
        scale_1, scale_2 = (self.first**2).sum(), (self.pairs**2).sum()
        a, b, c = (t[:, self.triples[:, k]] for k in range(3))  # (K, U)
        like = a * b * c
        seen = like @ self.frequency  # (K,) the frequencies' product with T_k x T_k x T_k
        cubes = gram**3
        three = p @ cubes @ p - 2 * p @ seen + self.size
        value = (one**2).sum() / scale_1 + (two**2).sum() / scale_2 + three / self.size

        by_p = 2 * t @ one / scale_1 + 2 * ((t @ two) * t).sum(axis=1) / scale_2
        by_p += (2 * cubes @ p - 2 * seen) / self.size
        by_t = 2 * np.outer(p, one) / scale_1 + 4 * p[:, None] * (t @ two) / scale_2
        by_t += 6 * p[:, None] * ((gram**2 * p) @ t) / self.size
        for product, labels in zip((b * c, a * c, a * b), self.one_hot, strict=True):
            by_t -= 2 * p[:, None] * (product * self.frequency @ labels) / self.size
        by_p = (by_p - p @ by_p) / point[:n_classes].sum()
        by_t -= (t * by_t).sum(axis=1, keepdims=True)
        by_t /= point[n_classes:].reshape(n_classes, n_classes).sum(axis=1, keepdims=True)
        return float(value), np.concatenate([by_p, by_t.ravel()])


def _unpack(point: np.ndarray, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return shares (K,) and matrix (K, K), rows scaled to sum 1."""
    shares, matrix = point[:n_classes], point[n_classes:].reshape(n_classes, n_classes)
    return shares / shares.sum(), matrix / matrix.sum(axis=1, keepdims=True)
