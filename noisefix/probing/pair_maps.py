"""What each text of a pair lets expect of the other: ridge regression, fitted to other pairs.

The regression is drawn towards a multiple of the identity: with few pairs the map is not much more
than that, with many it learns what answers to such questions are like.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisefix.threads import thread_map
from noisefix.vectors import GRAIN, SomeRows, Vectors, blocks

N_FOLDS = 5
PENALTIES = (0.01, 0.1, 1.0, 3.0, 10.0, 100.0)
"""Of the ridge, in units of the mean variance of a direction."""


@dataclass(frozen=True, eq=False)
class Maps:
    """What the other folds say of a fold, from one side of the pairs to the other.

    Attributes:
        middle: (D,) mean of the side that is mapped.
        target: (D,) mean of the other side.
        maps: (D, D) for each of ``PENALTIES``.
    """

    middle: np.ndarray
    target: np.ndarray
    maps: tuple[np.ndarray, ...]


@dataclass
class _Sums:
    """Sums over pairs, of which means and covariances are made."""

    n: int
    first: np.ndarray  # (D,)
    second: np.ndarray  # (D,)
    first_squares: np.ndarray  # (D, D)
    second_squares: np.ndarray  # (D, D)
    products: np.ndarray  # (D, D)

    def add(self, other: _Sums, sign: int = 1) -> None:
        for name in vars(self):
            setattr(self, name, getattr(self, name) + sign * getattr(other, name))


def fit_maps(first: Vectors, second: Vectors, folds: np.ndarray) -> tuple[list[Maps], list[Maps]]:
    """Return for each fold the maps that the others make: from first to second, and back.

    Args:
        first: (N, D) vectors.
        second: (N, D) likewise.
        folds: (N,) in 0..N_FOLDS-1.

    Memory: D x D for each fold and penalty, twice.
    """
    size = first.shape[1]

    def none() -> _Sums:
        line, square = np.zeros(size), np.zeros((size, size))
        return _Sums(0, line, line, square, square, square)

    def of_fold(fold: int) -> _Sums:
        sums, rows = none(), np.flatnonzero(folds == fold)
        mine, theirs = SomeRows(first, rows), SomeRows(second, rows)
        for block in blocks(len(rows), GRAIN):
            a, b = (side.rows(*block).astype(np.float64) for side in (mine, theirs))
            sums.add(_Sums(len(a), a.sum(axis=0), b.sum(axis=0), a.T @ a, b.T @ b, a.T @ b))
        return sums

    parts = thread_map(of_fold, range(N_FOLDS))
    everything = none()
    for part in parts:
        everything.add(part)

    def both_ways(part: _Sums) -> tuple[Maps, Maps]:
        others = none()
        others.add(everything)
        others.add(part, -1)
        n, first, second = max(others.n, 1), others.first, others.second
        products = others.products
        return (
            _ridge(n, first, second, others.first_squares, products),
            _ridge(n, second, first, others.second_squares, products.T),
        )

    forth, back = zip(*thread_map(both_ways, parts), strict=True)
    return list(forth), list(back)


def _ridge(
    n: int, first: np.ndarray, second: np.ndarray, squares: np.ndarray, products: np.ndarray
) -> Maps:
    """Fit second - c first to first by ridge regression, c by least squares, for every penalty."""
    middle, target = first / n, second / n
    squares = squares - n * np.outer(middle, middle)
    products = products - n * np.outer(middle, target)
    total = max(float(np.trace(squares)), 1e-12)
    common = float(np.trace(products)) / total
    values, directions = np.linalg.eigh(squares)
    turned = directions.T @ (products - common * squares)
    unit = total / len(squares)
    same = common * np.eye(len(squares))
    return Maps(
        middle,
        target,
        tuple(
            directions @ (turned / (np.maximum(values, 0)[:, None] + penalty * unit)) + same
            for penalty in PENALTIES
        ),
    )
