"""Rows as points of a plane, those with the same neighbours near each other: t-SNE by sampling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_NEIGHBOURS = 10
_STEPS = 300
_EARLY = 60
"""So many steps at first pull harder, so that groups form; see the paper on exaggeration."""

_EXAGGERATION = 12.0
_SLOWING = 0.4
"""In this last part of the steps they grow shorter."""

_PAIRS = 60_000
_LEAST_SHIFTS = 24
_LEAST_RATE = 50.0
_BATCH = 1024


def neighbour_embedding(rows: np.ndarray, seed: int = 0) -> np.ndarray:
    """Place rows so that those with the same nearest rows are near each other: t-SNE in outline.

    The ten nearest rows attract each row equally. What pushes rows apart is the sum over all pairs
    up to 245 rows, and is estimated beyond that from pairs that each step draws anew, which takes
    time proportional to the rows.

    Args:
        rows: (L, C) principal components, the first two the widest; in random order, as the pairs
            are drawn by shifting them.
        seed: of the pairs.

    Returns:
        (L, 2) places, float32, around 0.

    Source: van der Maaten & Hinton 2008, Visualizing data using t-SNE (gradient, momentum and
    gains); pairs by sampling as in Damrich et al. 2023, From t-SNE to UMAP with contrastive
    learning; start from the principal components as in Kobak & Berens 2019, The art of using t-SNE
    for single-cell transcriptomics.
    """
    n_rows = len(rows)
    near = nearest_rows(rows, min(_NEIGHBOURS, n_rows - 1))
    places = rows[:, :2].T * np.float32(1e-4 / max(float(rows[:, 0].std()), 1e-9))  # (2, L)
    velocity, gains = np.zeros_like(places), np.ones_like(places)
    pushing = _Pushing(n_rows, np.random.default_rng(seed))
    rate = max(n_rows / 48, _LEAST_RATE)
    for step in range(_STEPS):
        is_early = step < _EARLY
        pull = _pull(places, near) * (_EXAGGERATION if is_early else 1.0)
        gradient = (4 * (pull - pushing.push(places))).astype(np.float32)
        gains = np.where(gradient * velocity < 0, gains + 0.2, np.maximum(gains * 0.8, 0.01))
        left = (_STEPS - step) / (_STEPS * _SLOWING)
        velocity = (0.5 if is_early else 0.8) * velocity - rate * min(left, 1.0) * gains * gradient
        places = (places + velocity).astype(np.float32)
    centred: np.ndarray = (places - places.mean(1, keepdims=True)).T.astype(np.float32)
    return centred


def nearest_rows(rows: np.ndarray, n_nearest: int) -> np.ndarray:
    """Return (L, n_nearest) the nearest other rows of each row, in no order.

    Args:
        rows: (L, C).
        n_nearest: 1 to L - 1.
    """
    squares = (rows**2).sum(1)
    found = []
    for begin in range(0, len(rows), _BATCH):
        some = rows[begin : begin + _BATCH]
        distances = squares - 2 * some @ rows.T  # without the row's own square: the same order
        distances[np.arange(len(some)), begin + np.arange(len(some))] = np.inf
        found.append(np.argpartition(distances, n_nearest - 1, axis=1)[:, :n_nearest])
    return np.concatenate(found)


def _pull(places: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Return how near rows attract each other, (2, L); both ends of a pair alike."""
    n_rows, n_nearest = near.shape
    apart = places[:, :, None] - places[:, near]  # (2, L, n)
    closeness = 1 / (1 + (apart**2).sum(0)) / np.float32(2 * n_rows * n_nearest)
    apart *= closeness
    other = near.ravel()
    back = [np.bincount(other, axis.ravel(), n_rows) for axis in apart]
    pull: np.ndarray = apart.sum(2) - np.stack(back)
    return pull


@dataclass
class _Pushing:
    """What drives L rows apart, from pairs of rows that are so many places from each other."""

    n_rows: int
    draw: np.random.Generator
    total: float | None = None

    def push(self, places: np.ndarray) -> np.ndarray:
        """Return the push on each row, (2, L), scaled to that of all pairs."""
        n_rows = self.n_rows
        n_shifts = min(max(_PAIRS // n_rows, _LEAST_SHIFTS), n_rows - 1)
        every = np.arange(1, n_rows)
        shifts = every if n_shifts == n_rows - 1 else self.draw.integers(1, n_rows, n_shifts)
        twice = np.concatenate([places, places], 1)
        shifted = np.lib.stride_tricks.sliding_window_view(twice, n_rows, 1)[:, shifts]
        across, up = places[0] - shifted[0], places[1] - shifted[1]  # (S, L)
        closeness = across * across
        closeness += up * up
        closeness += 1
        np.reciprocal(closeness, out=closeness)
        all_pairs = (n_rows - 1) / n_shifts
        total = float(closeness.sum()) * all_pairs
        self.total = total if self.total is None else 0.8 * self.total + 0.2 * total
        closeness *= closeness
        push = [np.einsum("sl,sl->l", closeness, axis) for axis in (across, up)]
        return np.stack(push) * (all_pairs / self.total)
