"""Many vectors like those of real texts: made of real ones, because there are not so many.

A made row lies between a real row and one of that row's nearest, and off both by a part of the
difference between two other real rows. Such rows fill the space between real texts evenly: each has
neighbours of its own making, but they are smoother than texts are, and none is a copy.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from shared_sets import embeddings_of

_SETS = ("clean_banking77", "clean_hwu64", "clean_snips", "fomc_llm", "fpb_llm", "hs_brexit_crowd")
_NEAREST = 20
_OFF = 0.45  # by so much of a difference, at most
_BLOCK = 20_000


@lru_cache(maxsize=1)
def real_vectors() -> np.ndarray:
    """Return the distinct vectors of the texts of several sets, (N, D) float32, in random order.

    Raises:
        SharedDataAbsentError: the sets are not there.
    """
    rows = np.unique(np.concatenate([embeddings_of(name) for name in _SETS]), axis=0)
    return np.random.default_rng(0).permutation(rows)


@lru_cache(maxsize=1)
def _nearest_real() -> np.ndarray:
    from noisefix.neighbors.search import nearest

    rows = real_vectors()
    return nearest(rows, rows, _NEAREST, exclude=np.arange(len(rows)), device="cpu").indices


def made_vectors(n_rows: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Yield unit vectors in blocks, (n, D) float32, ``n_rows`` in all."""
    rng = np.random.default_rng(seed)
    real, near = real_vectors(), _nearest_real()
    for first in range(0, n_rows, _BLOCK):
        n = min(_BLOCK, n_rows - first)
        one, third, fourth = rng.integers(0, len(real), (3, n))
        other = near[one, rng.integers(0, _NEAREST, n)]
        share, off = rng.random((2, n, 1), dtype=np.float32)
        rows = share * real[one] + (1 - share) * real[other]
        rows += _OFF * off * (real[third] - real[fourth])
        yield rows / np.linalg.norm(rows, axis=1, keepdims=True)
