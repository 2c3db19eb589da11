"""Pairs of texts: are the two about the same thing?

A linear map (``pair_maps``) says from the first text of a row what the second should be like, and
another one from the second what the first should be like. If the two belong together, each is
nearer to what the other lets expect than the texts of other rows are. The maps are fitted to other
rows, so that no pair speaks for itself. How well a pair goes together, both ways, is compared with
texts of different rows: of two texts put together at random the rank among those is any with the
same probability, and by that the share of such pairs is told, and the probability of each.

Source: the idea of scoring matched pairs by what one side says of the other is that of PC2 (Duan et
al. 2024, "PC2: Pseudo-Classification Based Pseudo-Captioning for Noisy Correspondence Learning in
Cross-Modal Retrieval"), of which nothing else is used; the share of pairs put together at random is
Storey's estimate (2002, "A direct approach to false discovery rates"), the density of the ranks
Grenander's (1956).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from noisefix.probing.pair_maps import N_FOLDS, PENALTIES, Maps, fit_maps
from noisefix.threads import one_blas_thread, thread_map
from noisefix.vectors import GRAIN, SomeRows, Vectors, as_vectors, blocks

MISMATCHED_FROM = 0.8
"""Rows from this p_mismatch on are listed."""

UNRELATED_FROM = 0.5
"""Where so large a share of the pairs seems put together at random, the columns have nothing to do
with each other, and no row is called mismatched for it."""

LEAST_PAIRS = 50
_MOST_OTHERS = 1000
_TRIED_ROWS = 2000
_TIE = 1e-6  # cosines that differ by less are equal: two ways to sum one differ by that
_TAIL = 0.8
_STRATUM_ROWS, _MOST_STRATA = 1000, 5


@dataclass(frozen=True, eq=False)
class PairMatch:
    """How well the texts of N pairs go together.

    Attributes:
        rank: (N,) share of texts of different rows that go together better, in [0, 1], equally good
            ones counted half; 0 = none, 0.5 = as good as any. NaN: one of the texts is missing, or
            there are fewer than ``LEAST_PAIRS``.
        p_mismatch: (N,) estimated probability that the two were put together at random, in [0, 1];
            NaN as in ``rank``, and where ``share`` is ``UNRELATED_FROM`` or more.
        penalties: of the ridge that were chosen, from first to second and back; NaN where there are
            too few pairs.
        share: estimated share of pairs put together at random, in [0, 1]; NaN likewise.
    """

    rank: np.ndarray
    p_mismatch: np.ndarray
    penalties: tuple[float, float]
    share: float


@dataclass(frozen=True, eq=False)
class _Way:
    """From one side of N pairs to the other, with the penalty that makes the best ranks."""

    source: Vectors  # (N, D)
    target: Vectors  # (N, D)
    maps: list[Maps]  # one a fold
    penalty: int  # place in PENALTIES

    def expected(self, fold: int, rows: np.ndarray) -> np.ndarray:
        """Return (R, D) what the sources of rows let expect of their targets."""
        maps = self.maps[fold]
        vectors = self.source.take(rows).astype(np.float64)
        found: np.ndarray = (vectors - maps.middle) @ maps.maps[self.penalty]
        return found

    def found(self, fold: int, rows: np.ndarray) -> np.ndarray:
        """Return (R, D) the directions of the targets of rows from their middle."""
        return _unit(self.target.take(rows).astype(np.float64) - self.maps[fold].target)


@one_blas_thread()
def match_pairs(
    first: Vectors | np.ndarray,
    second: Vectors | np.ndarray,
    keys: np.ndarray,
    is_paired: np.ndarray,
) -> PairMatch:
    """Estimate which pairs do not belong together.

    Args:
        first: (N, D) unit-length rows.
        second: (N, D) likewise, of the same encoder.
        keys: (N,) uint64 from ``folds.row_keys`` of the first texts: which fold a row is in, and
            which rows it is compared with.
        is_paired: (N,) bool: both texts are there.

    Memory: that of ``fit_maps``; a block of rows with the texts that it is compared with, 1,000 at
    most; and these with each other.
    """
    rank, p_mismatch = np.full(len(keys), np.nan), np.full(len(keys), np.nan)
    rows = np.flatnonzero(is_paired)
    if len(rows) < LEAST_PAIRS:
        return PairMatch(rank, p_mismatch, (float("nan"), float("nan")), float("nan"))
    rows = rows[np.lexsort((rows, keys[rows]))]  # the order in which they come counts for nothing
    folds = np.arange(len(rows)) * N_FOLDS // len(rows)
    _keep_together(folds, keys[rows])
    one, other = SomeRows(as_vectors(first), rows), SomeRows(as_vectors(second), rows)
    forth, back = fit_maps(one, other, folds)
    ways = (_best_way(one, other, forth, folds), _best_way(other, one, back, folds))
    everything = np.arange(len(rows))
    (ranks, strength), (ranks_back, strength_back) = (
        _ranks(way, folds, everything) for way in ways
    )
    rank[rows] = _among_strangers((ranks + ranks_back) / 2, ways, folds)
    probs, share = mismatch_probs(rank[rows], strength * strength_back)
    if share < UNRELATED_FROM:
        p_mismatch[rows] = probs
    return PairMatch(
        rank, p_mismatch, (PENALTIES[ways[0].penalty], PENALTIES[ways[1].penalty]), share
    )


def mismatch_probs(rank: np.ndarray, strength: np.ndarray) -> tuple[np.ndarray, float]:
    """Return (N,) probabilities that pairs were put together at random, and the share of those.

    Ranks of such pairs are spread evenly; those of others are small, but not where a first text
    lets expect nothing in particular. So rows are looked at in strata of ``strength``: there, the
    density of the ranks falls, and what is left of it at the end is at most the random pairs'. The
    stratum with the least left tells their share, which is the same in all.

    Args:
        rank: (N,) as in ``PairMatch``.
        strength: (N,) how much in particular the first text lets expect; any unit.
    """
    n_strata = int(np.clip(len(rank) // _STRATUM_ROWS, 1, _MOST_STRATA))
    order = np.argsort(strength, kind="stable")
    strata = np.array_split(order, n_strata)
    left = [(1 + (rank[part] > _TAIL).sum()) / ((1 - _TAIL) * len(part)) for part in strata]
    share = float(min(1.0, *left))
    found = np.empty(len(rank))
    for part in strata:
        found[part] = np.minimum(share / falling_density(rank[part]), 1.0)
    return found, share


def falling_density(values: np.ndarray) -> np.ndarray:
    """Return (N,) at each value in [0, 1] the density that explains them best among falling ones.

    The slopes of the least concave function that is nowhere below the distribution's (Grenander).
    """
    points, counts = np.unique(values, return_counts=True)
    x = np.append(points, 1.0) if points[-1] < 1 else points
    y = np.append(np.cumsum(counts), len(values))[: len(x)] / len(values)
    corners = [(0.0, 0.0)]
    for point in zip(np.maximum(x, 1e-9).tolist(), y.tolist(), strict=True):
        while len(corners) > 1 and _slope(corners[-2], corners[-1]) <= _slope(corners[-1], point):
            corners.pop()
        corners.append(point)
    ends = np.array([x for x, _ in corners[1:]])
    slopes = np.array([_slope(*pair) for pair in pairwise(corners)])
    place = np.minimum(np.searchsorted(ends, values, side="left"), len(ends) - 1)
    density: np.ndarray = slopes[place]
    return density


def _slope(one: tuple[float, float], other: tuple[float, float]) -> float:
    return (other[1] - one[1]) / max(other[0] - one[0], 1e-12)


def _keep_together(folds: np.ndarray, keys: np.ndarray) -> None:
    """Put rows with equal keys, which follow each other, into the fold of the first of them."""
    new = np.append(True, keys[1:] != keys[:-1])
    folds[:] = folds[np.maximum.accumulate(np.where(new, np.arange(len(keys)), 0))]


def _best_way(source: Vectors, target: Vectors, maps: list[Maps], folds: np.ndarray) -> _Way:
    """Choose the penalty with the smallest mean rank, of some rows."""
    tried = np.arange(len(folds))[:: max(1, len(folds) // _TRIED_ROWS)]
    ways = [_Way(source, target, maps, place) for place in range(len(PENALTIES))]
    means = [_ranks(way, folds, tried)[0].mean() for way in ways]
    return ways[int(np.argmin(np.round(means, 6)))]


def _compared(members: np.ndarray) -> np.ndarray:
    """Return the rows of a fold that the others are compared with."""
    return members[:: max(1, -(-len(members) // _MOST_OTHERS))]


def _ranks(way: _Way, folds: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ranks of some rows, and the length of what their sources let expect.

    A rank is the share of other rows' targets that are nearer, equal ones counted half.
    """
    rank, strength = np.empty(len(wanted)), np.empty(len(wanted))

    def of_fold(fold: int) -> None:
        others = _compared(np.flatnonzero(folds == fold))
        compared = way.found(fold, others)
        own = np.flatnonzero(folds[wanted] == fold)
        for block in blocks(len(own), GRAIN):
            which = own[slice(*block)]
            rows = wanted[which]
            expected = way.expected(fold, rows)
            strength[which] = np.linalg.norm(expected, axis=1)
            expected = _unit(expected)
            own_score = (expected * way.found(fold, rows)).sum(axis=1)
            better = _better(expected @ compared.T - own_score[:, None])
            is_self = others[None] == rows[:, None]
            better[is_self] = 0
            rank[which] = better.sum(axis=1) / np.maximum((~is_self).sum(axis=1), 1)

    thread_map(of_fold, range(N_FOLDS))
    return rank, strength


def _among_strangers(ranks: np.ndarray, ways: tuple[_Way, _Way], folds: np.ndarray) -> np.ndarray:
    """Return (N,) what share of texts of different rows go together better, in [0, 1].

    Args:
        ranks: (N,) means of the ranks both ways.
        ways: from first to second, and back.
        folds: (N,) whose rows are compared with each other.
    """
    found = np.empty(len(ranks))

    def of_fold(fold: int) -> None:
        members = np.flatnonzero(folds == fold)
        others = _compared(members)
        scores = [_unit(way.expected(fold, others)) @ way.found(fold, others).T for way in ways]
        forth, back = map(_ranks_of_strangers, scores)  # [first, second] and [second, first]
        is_stranger = ~np.eye(len(others), dtype=bool)
        strangers = np.sort(((forth + back.T) / 2)[is_stranger])
        below = np.searchsorted(strangers, ranks[members] - _TIE, side="left")
        not_above = np.searchsorted(strangers, ranks[members] + _TIE, side="right")
        found[members] = (below + not_above) / 2 / max(len(strangers), 1)

    thread_map(of_fold, range(N_FOLDS))
    return found


def _ranks_of_strangers(scores: np.ndarray) -> np.ndarray:
    """Return (M, M) the rank that each target has for each source, if they were a pair.

    Their own partners are not among those that they are compared with. The diagonal means nothing.

    Args:
        scores: (M, M) cosines of [what sources let expect, targets].
    """
    n_rows = len(scores)
    better = np.empty_like(scores)
    for row, values in enumerate(scores):
        ordered = np.sort(values)
        not_above = np.searchsorted(ordered, values + _TIE, side="right")
        below = np.searchsorted(ordered, values - _TIE, side="left")
        better[row] = n_rows - (not_above + below) / 2 - 0.5  # a score is as good as itself
    better -= _better(np.diag(scores)[:, None] - scores)
    return better / max(n_rows - 2, 1)


def _better(ahead: np.ndarray) -> np.ndarray:
    """Count what is ahead as 1, and as equal as one half."""
    counted: np.ndarray = (ahead > _TIE) + 0.5 * (np.abs(ahead) <= _TIE)
    return counted


def _unit(matrix: np.ndarray) -> np.ndarray:
    unit: np.ndarray = matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)
    return unit
