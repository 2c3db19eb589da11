"""Two normal distributions fitted to numbers by EM, and the valley between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_STEPS = 50
_GRID = 512
_LEAST_SHARE = 0.05
_LEAST_ROWS = 10
_MOST_OF_HILL = 0.5
"""Share of the lower hill that a valley may have: a plain looks like two hills with a dip."""


@dataclass(frozen=True, eq=False)
class TwoNormals:
    """A mixture of two normals of N numbers.

    Attributes:
        mean: (2,).
        variance: (2,).
        share: (2,) of the numbers; sums to 1.
        member: (N, 2) probability of each of the two, given the number.
    """

    mean: np.ndarray
    variance: np.ndarray
    share: np.ndarray
    member: np.ndarray


def fit_two_normals(x: np.ndarray) -> TwoNormals:
    """Fit by EM from the lower and the upper half, so that nothing is random.

    Args:
        x: (N,) standardised numbers, N >= 2. 0.01 is added to each variance.
    """
    middle = float(np.median(x))
    mean = np.array([x[x <= middle].mean(), x[x > middle].mean() if (x > middle).any() else 1.0])
    variance, share = np.ones(2), np.full(2, 0.5)
    for _ in range(_STEPS):
        density = share * np.exp(-0.5 * (x[:, None] - mean) ** 2 / variance) / np.sqrt(variance)
        member = density / np.maximum(density.sum(axis=1, keepdims=True), 1e-300)
        total = np.maximum(member.sum(axis=0), 1e-9)
        mean = (member * x[:, None]).sum(axis=0) / total
        variance = (member * (x[:, None] - mean) ** 2).sum(axis=0) / total + 1e-2
        share = total / len(x)
    return TwoNormals(mean, variance, share, member)


def valley(values: np.ndarray) -> float | None:
    """Return where the density of two fitted normals is lowest between their means.

    Args:
        values: (N,) numbers.

    Returns:
        None where there is no valley: too few numbers, hardly any in one of the two, or one hill.
    """
    spread = float(values.std()) if len(values) else 0.0
    if len(values) < _LEAST_ROWS or spread < 1e-9:
        return None
    centre = float(values.mean())
    fit = fit_two_normals((values - centre) / spread)
    if fit.share.min() < _LEAST_SHARE:
        return None
    grid = np.linspace(fit.mean.min(), fit.mean.max(), _GRID)
    density = (
        fit.share
        * np.exp(-0.5 * (grid[:, None] - fit.mean) ** 2 / fit.variance)
        / np.sqrt(fit.variance)
    ).sum(axis=1)
    lowest = int(density.argmin())
    if density[lowest] > _MOST_OF_HILL * min(density[0], density[-1]):
        return None
    return float(centre + spread * grid[lowest])
