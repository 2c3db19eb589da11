"""Candidate labels: what a row's neighbours in the clean part of the data make plausible.

Source: SiDyP (KDD 2025, arXiv 2505.19675), the retrieval of stage I. The clean pool is not the half
of the rows that the paper fixes, but as large, class by class, as the errors leave.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import numpy as np

from noisefix.errors import DataError
from noisefix.labels import UNLABELLED
from noisefix.neighbors.search import Neighbors, Search, open_search
from noisefix.neighbors.votes import vote
from noisefix.vectors import SomeRows, Vectors, as_vectors

_HOPELESS = 0.9  # p_error of a class's best row from which the class may have no pool at all


@dataclass(frozen=True)
class Voting:
    """How neighbours in the clean pool make labels plausible.

    Attributes:
        n_neighbors: how many of them vote.
        certain_threshold: top share at or above this: one candidate.
        dominant_threshold: top two shares together at or above this: these two.
    """

    n_neighbors: int = 10
    certain_threshold: float = 0.9
    dominant_threshold: float = 0.8


_USUAL = Voting()


@dataclass(frozen=True)
class Candidates:
    """The plausible labels of N rows."""

    probs: np.ndarray  # (N, K) float64: p(label | neighbours), rows sum to 1
    weights: np.ndarray  # (N, K) float64: 0 for what is no candidate, rows sum to 1
    is_certain: np.ndarray  # (N,) bool: one candidate only
    neighbors: Neighbors  # (N, k): the pool rows that voted, as indices into the N rows


@dataclass(frozen=True, eq=False)
class Retrieval:
    """What is needed to find the candidates of any of N rows; other processes may be given it.

    Attributes:
        search: of the pool; None: there is no row in it.
        vectors: (N, D).
        groups: (N,) duplicate groups.
        written: (N,) bool: rows with a text.
        pool: (P,) the rows of the pool, ascending.
        pool_labels: (P,) their class ids.
        shares: (K,) float64 of the classes in the pool, for rows that nobody votes on.
        voting: how they vote.
    """

    search: Search | None
    vectors: Vectors
    groups: np.ndarray
    written: np.ndarray
    pool: np.ndarray
    pool_labels: np.ndarray
    shares: np.ndarray
    voting: Voting

    @property
    def recall(self) -> float:
        """Share of the pool rows nearest to a row that are found, in [0, 1]."""
        return 1.0 if self.search is None else self.search.recall

    @property
    def on_gpu(self) -> bool:
        """Say whether the rows are compared on a GPU."""
        return self.search is not None and self.search.on_gpu

    def of_rows(self, first: int, last: int) -> Candidates:
        """Return the candidates of the rows first..last-1, of which the first begins a grain."""
        found = self._neighbors(first, last)
        probs = vote(found, self.pool_labels, len(self.shares))
        probs[probs.sum(axis=1) == 0] = self.shares
        weights, is_certain = candidate_weights(
            probs, self.voting.certain_threshold, self.voting.dominant_threshold
        )
        indices = found.indices
        if len(self.pool):
            indices = np.where(indices >= 0, self.pool[indices], -1)
        return Candidates(probs, weights, is_certain, replace(found, indices=indices))

    def _neighbors(self, first: int, last: int) -> Neighbors:
        """Return the neighbours of some rows, as indices into the pool."""
        if self.search is None:
            shape = (last - first, self.voting.n_neighbors)
            return Neighbors(np.full(shape, -1, np.int64), np.zeros(shape, np.float32))
        found = self.search.find(self.vectors.rows(first, last), self.groups[first:last])
        found.indices[~self.written[first:last]] = -1
        return found


@contextmanager
def open_retrieval(
    embeddings: Vectors | np.ndarray,
    given_labels: np.ndarray,
    p_error: np.ndarray,
    groups: np.ndarray,
    n_classes: int,
    voting: Voting = _USUAL,
    *,
    written: np.ndarray | None = None,
    device: str = "auto",
) -> Iterator[Retrieval]:
    """Yield what finds the candidates of any rows: their neighbours in the clean pool vote.

    Args:
        embeddings: (N, D) unit vectors.
        given_labels: (N,) class ids, -1 = unlabelled (which get candidates, but do not vote).
        p_error: (N,) probability that the given label is wrong; ignored for unlabelled rows.
        groups: (N,) duplicate groups: no row votes for its own group.
        n_classes: K.
        voting: how they vote.
        written: (N,) bool: rows with a text; the others neither vote nor are voted on: they get
            the class shares. None: all.
        device: as for ``nearest``.
    """
    vectors = as_vectors(embeddings)
    written = np.ones(len(given_labels), dtype=bool) if written is None else written
    pool = np.flatnonzero(clean_pool(given_labels, p_error) & written)
    counts = np.bincount(given_labels[pool], minlength=n_classes).astype(np.float64)
    shares = counts / counts.sum() if len(pool) else np.full(n_classes, 1.0 / n_classes)
    with ExitStack() as stack:
        search = None
        if len(pool):
            search = stack.enter_context(
                open_search(
                    vectors,
                    SomeRows(vectors, pool),
                    voting.n_neighbors,
                    query_groups=groups,
                    base_groups=groups[pool],
                    device=device,
                )
            )
        yield Retrieval(
            search,
            vectors,
            groups,
            written,
            pool,
            given_labels[pool],
            shares,
            voting,
        )


def retrieve_candidates(
    embeddings: Vectors | np.ndarray,
    given_labels: np.ndarray,
    p_error: np.ndarray,
    groups: np.ndarray,
    n_classes: int,
) -> Candidates:
    """Return the candidates of all rows; arguments as for ``open_retrieval``."""
    with open_retrieval(embeddings, given_labels, p_error, groups, n_classes) as retrieval:
        return retrieval.of_rows(0, len(given_labels))


def clean_pool(given_labels: np.ndarray, p_error: np.ndarray) -> np.ndarray:
    """Choose, class by class, the rows whose label is least likely wrong.

    As many as the class is expected to hold right labels: the sum of 1 - p_error, rounded. A class
    keeps at least its best row, unless less than half a right label is expected and even the best
    row is wrong with probability 0.9 or more.

    Args:
        given_labels: (N,) class ids, -1 = unlabelled: never in the pool.
        p_error: (N,) in [0, 1].

    Returns:
        (N,) bool.

    Raises:
        DataError: ``p_error`` of a labelled row is not a probability.
    """
    labelled = given_labels != UNLABELLED
    if not ((p_error[labelled] >= 0) & (p_error[labelled] <= 1)).all():
        raise DataError("p_error must lie in [0, 1] for every labelled row")
    pool = np.zeros(len(given_labels), dtype=bool)
    for k in np.unique(given_labels[labelled]):
        rows = np.flatnonzero(given_labels == k)
        expected = float((1.0 - p_error[rows]).sum())
        if expected < 0.5 and p_error[rows].min() >= _HOPELESS:
            continue
        best_first = rows[np.argsort(p_error[rows], kind="stable")]
        pool[best_first[: max(1, round(expected))]] = True
    return pool


def candidate_weights(
    probs: np.ndarray, certain_threshold: float = 0.9, dominant_threshold: float = 0.8
) -> tuple[np.ndarray, np.ndarray]:
    """Turn vote shares into candidates and their weights.

    One candidate where the top share reaches ``certain_threshold``; else the top two, renormalised,
    where they together reach ``dominant_threshold``; else every label with a share. Of equal shares
    the lower class id comes first.

    Args:
        probs: (N, K), rows sum to 1.
        certain_threshold: in (0.5, 1].
        dominant_threshold: in (0, 1].

    Returns:
        Weights (N, K), rows sum to 1, and is_certain (N,) bool.
    """
    rounding = 1e-9  # nine votes of ten reach 0.9 in whatever order they are summed
    order = np.argsort(-probs, axis=1, kind="stable")
    ranked = np.take_along_axis(probs, order, axis=1)
    is_certain = ranked[:, 0] >= certain_threshold - rounding
    two = ~is_certain & (ranked[:, :2].sum(axis=1) >= dominant_threshold - rounding)
    n_kept = np.where(is_certain, 1, np.where(two, 2, probs.shape[1]))
    ranked[np.arange(probs.shape[1]) >= n_kept[:, None]] = 0
    weights = np.zeros_like(probs)
    np.put_along_axis(weights, order, ranked / ranked.sum(axis=1, keepdims=True), axis=1)
    return weights, (weights > 0).sum(axis=1) == 1
