"""Pairs of texts: is the second about the same thing as the first?

A linear map (ridge regression, drawn towards a multiple of the identity) says from the first text
of a row what the second should be like. If the two belong together, the second is nearer to that
than the second texts of other rows are. The map is fitted to other rows, so that no pair speaks for
itself; of two texts put together at random the rank is any with the same probability, and by that
the share of such pairs is told, and the probability of each.

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

from noisefix.threads import one_blas_thread, thread_map
from noisefix.vectors import GRAIN, SomeRows, Vectors, as_vectors, blocks

MISMATCHED_FROM = 0.8
"""Rows from this p_mismatch on are listed."""

UNRELATED_FROM = 0.5
"""Where so large a share of the pairs seems put together at random, the columns have nothing to do
with each other, and no row is called mismatched for it."""

N_FOLDS = 5
PENALTIES = (0.01, 0.1, 1.0, 3.0, 10.0, 100.0)
"""Of the ridge, in units of the mean variance of a direction; that with the best ranks counts."""

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
        rank: (N,) share of other second texts that are nearer to what the first text lets expect,
            in [0, 1], equal ones counted half; 0 = none, 0.5 = as good as any. NaN: one of the
            texts is missing, or there are fewer than ``LEAST_PAIRS``.
        p_mismatch: (N,) estimated probability that the two were put together at random, in [0, 1];
            NaN as in ``rank``, and where ``share`` is ``UNRELATED_FROM`` or more.
        penalty: of the ridge that was chosen; NaN where there are too few pairs.
        share: estimated share of pairs put together at random, in [0, 1]; NaN likewise.
    """

    rank: np.ndarray
    p_mismatch: np.ndarray
    penalty: float
    share: float


@dataclass
class _Sums:
    """Sums over pairs, of which means and covariances are made."""

    n: int
    first: np.ndarray  # (D,)
    second: np.ndarray  # (D,)
    squares: np.ndarray  # (D, D)
    products: np.ndarray  # (D, D)

    def add(self, other: _Sums, sign: int = 1) -> None:
        self.n += sign * other.n
        for name in ("first", "second", "squares", "products"):
            setattr(self, name, getattr(self, name) + sign * getattr(other, name))


@dataclass(frozen=True, eq=False)
class _Maps:
    """What the other folds say of a fold: one map a penalty."""

    first: np.ndarray  # (D,) mean
    second: np.ndarray  # (D,) mean
    maps: tuple[np.ndarray, ...]  # (D, D) each


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

    Memory: D x D for each fold and penalty, and a block of rows with the texts that it is compared
    with, 1,000 at most.
    """
    rank, p_mismatch = np.full(len(keys), np.nan), np.full(len(keys), np.nan)
    rows = np.flatnonzero(is_paired)
    if len(rows) < LEAST_PAIRS:
        return PairMatch(rank, p_mismatch, float("nan"), float("nan"))
    rows = rows[np.lexsort((rows, keys[rows]))]  # the order in which they come counts for nothing
    folds = np.arange(len(rows)) * N_FOLDS // len(rows)
    _keep_together(folds, keys[rows])
    one, other = SomeRows(as_vectors(first), rows), SomeRows(as_vectors(second), rows)
    fitted = _fit(one, other, folds)
    tried = np.arange(len(rows))[:: max(1, len(rows) // _TRIED_ROWS)]
    means = [
        _ranks(one, other, folds, fitted, place, tried)[0].mean() for place in range(len(PENALTIES))
    ]
    best = int(np.argmin(np.round(means, 6)))
    rank[rows], strength = _ranks(one, other, folds, fitted, best, np.arange(len(rows)))
    probs, share = mismatch_probs(rank[rows], strength)
    if share < UNRELATED_FROM:
        p_mismatch[rows] = probs
    return PairMatch(rank, p_mismatch, PENALTIES[best], share)


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


def _fit(first: Vectors, second: Vectors, folds: np.ndarray) -> list[_Maps]:
    """Return for each fold the maps that the others make."""
    size = first.shape[1]

    def none() -> _Sums:
        return _Sums(
            0, np.zeros(size), np.zeros(size), np.zeros((size, size)), np.zeros((size, size))
        )

    def of_fold(fold: int) -> _Sums:
        sums, rows = none(), np.flatnonzero(folds == fold)
        mine, theirs = SomeRows(first, rows), SomeRows(second, rows)
        for block in blocks(len(rows), GRAIN):
            a, b = (side.rows(*block).astype(np.float64) for side in (mine, theirs))
            sums.add(_Sums(len(a), a.sum(axis=0), b.sum(axis=0), a.T @ a, a.T @ b))
        return sums

    parts = thread_map(of_fold, range(N_FOLDS))
    everything = none()
    for part in parts:
        everything.add(part)

    def maps(part: _Sums) -> _Maps:
        others = none()
        others.add(everything)
        others.add(part, -1)
        return _ridge(others)

    return thread_map(maps, parts)


def _ridge(sums: _Sums) -> _Maps:
    """Fit second - c first to first by ridge regression, c by least squares, for every penalty."""
    middle, target = sums.first / sums.n, sums.second / sums.n
    squares = sums.squares - sums.n * np.outer(middle, middle)
    products = sums.products - sums.n * np.outer(middle, target)
    total = max(float(np.trace(squares)), 1e-12)
    common = float(np.trace(products)) / total
    values, directions = np.linalg.eigh(squares)
    turned = directions.T @ (products - common * squares)
    unit = total / len(squares)
    same = common * np.eye(len(squares))
    return _Maps(
        middle,
        target,
        tuple(
            directions @ (turned / (np.maximum(values, 0)[:, None] + penalty * unit)) + same
            for penalty in PENALTIES
        ),
    )


def _ranks(
    first: Vectors,
    second: Vectors,
    folds: np.ndarray,
    fitted: list[_Maps],
    place: int,
    wanted: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ranks of some rows, and the length of what their first texts let expect."""
    rank, strength = np.empty(len(wanted)), np.empty(len(wanted))

    def of_fold(fold: int) -> None:
        maps, members = fitted[fold], np.flatnonzero(folds == fold)
        others = members[:: max(1, -(-len(members) // _MOST_OTHERS))]
        compared = _unit(second.take(others).astype(np.float64) - maps.second)
        own = np.flatnonzero(folds[wanted] == fold)
        for block in blocks(len(own), GRAIN):
            which = own[slice(*block)]
            rows = wanted[which]
            expected = (first.take(rows).astype(np.float64) - maps.first) @ maps.maps[place]
            mine = _unit(second.take(rows).astype(np.float64) - maps.second)
            strength[which] = np.linalg.norm(expected, axis=1)
            expected = _unit(expected)
            ahead = expected @ compared.T - (expected * mine).sum(axis=1)[:, None]
            better = (ahead > _TIE) + 0.5 * (np.abs(ahead) <= _TIE)
            is_self = others[None] == rows[:, None]
            better[is_self] = 0
            rank[which] = better.sum(axis=1) / np.maximum((~is_self).sum(axis=1), 1)

    thread_map(of_fold, range(N_FOLDS))
    return rank, strength


def _unit(matrix: np.ndarray) -> np.ndarray:
    unit: np.ndarray = matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)
    return unit
