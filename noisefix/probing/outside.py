"""Rows that belong to no class: foreign texts, or a class that was forgotten.

They lie far from the middle of all rows and from every class mean. How far is far, the rows that
the label model trusts tell. Rows that it is unsure of lie farther out by themselves, and how much
so is measured where outsiders are rare; what is left over is more than chance.

Source: the distances, and their comparison with the linear separation of Albert et al. 2024, "An
accurate detection is not all you need to combat label noise in web-noisy datasets" (ECCV), are
measured in docs/benchmarks.md; the false discovery rate is that of Benjamini and Hochberg 1995.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisefix.labels import UNLABELLED
from noisefix.probing.class_distances import fold_distances
from noisefix.threads import one_blas_thread
from noisefix.vectors import Vectors, as_vectors

OUTSIDE_FROM = 0.8
"""Rows from this p_outside on are called outside: by the estimate one in five of them belongs to
a class after all."""

_N_FOLDS = 5
_LEAST_TRUSTED = 50
_LEAST_OF_CLASS = 0.2
_UNSURE = 0.75
"""Rows with a largest class probability above this quantile are never outside."""

_BULK = 1.036
"""Deviates up to this (85 % of the trusted rows) are those of rows that belong somewhere."""

_LEAST_BULK = 20
_MOST_TAIL = 0.999
_SHIFTS = np.arange(0, 2.01, 0.05)
_SCALES = np.arange(0.8, 1.31, 0.05)
"""How much farther out unsure rows may lie than trusted ones, in standard deviations."""


@dataclass(frozen=True, eq=False)
class Outside:
    """How far out N rows lie.

    Attributes:
        p_outside: (N,) 1 less the false discovery rate among the rows at least as far out, in
            [0, 1]; 0 where a class is probable, NaN where there is no text.
        tail: (N,) probability that a row of some class lies as far out, in [0, 1]: a ranking that
            has looked at no probability of a class; NaN where there is no text.
    """

    p_outside: np.ndarray
    tail: np.ndarray

    @property
    def rows(self) -> np.ndarray:
        """The (R,) rows that seem to belong to no class, the farthest out first."""
        rows = np.flatnonzero(self.p_outside >= OUTSIDE_FROM)
        return rows[np.lexsort((rows, self.tail[rows], -self.p_outside[rows]))]


@one_blas_thread()
def find_outside(
    embeddings: Vectors | np.ndarray,
    given_labels: np.ndarray,
    text_probs: np.ndarray,
    p_error: np.ndarray,
    groups: np.ndarray,
    is_written: np.ndarray,
    keys: np.ndarray,
) -> Outside:
    """Estimate which rows belong to no class.

    Both distances are out of fold, so that a row is no part of what it is measured against; of
    (nearly) equal texts one counts. A row's largest class probability must be low, too: not in the
    highest quarter of the labelled rows'. Of one class alone nothing can be said: no row of it is
    trusted more than another.

    Args:
        embeddings: (N, D) unit-length rows.
        given_labels: (N,) class ids in 0..K-1, -1 = unlabelled.
        text_probs: (N, K) out-of-sample probabilities from the text alone.
        p_error: (N,) probability that the given label is wrong; whatever for unlabelled rows.
        groups: (N,) duplicate groups.
        is_written: (N,) bool: the row has a text.
        keys: (N,) uint64 from ``folds.row_keys``: which fold a row is in.
    """
    n_rows = len(given_labels)
    single = np.zeros(n_rows, dtype=bool)
    single[np.unique(groups, return_index=True)[1]] = True
    labelled = is_written & (given_labels != UNLABELLED)
    nothing = np.where(is_written, 0.0, np.nan)
    able = labelled & single
    if not able.any():
        return Outside(nothing, np.where(is_written, 1.0, np.nan))
    trusted = able & (text_probs.argmax(axis=1) == given_labels)
    trusted &= p_error <= np.median(p_error[able])
    if trusted.sum() < _LEAST_TRUSTED:
        return Outside(nothing, np.where(is_written, 1.0, np.nan))
    most = text_probs.max(axis=1)
    unsure = is_written & (most <= np.quantile(most[labelled], _UNSURE))
    tail = np.ones(n_rows)
    fitted = _with_every_class(given_labels, p_error, able, trusted)
    for distance in _distances(embeddings, given_labels, fitted, groups, single, is_written, keys):
        away = _deviates(distance, distance[trusted])
        tail = np.minimum(tail, _tails(away, away[unsure & single & ~trusted]))
    tail = np.minimum(2 * tail, 1.0)  # the smaller counts: two chances to be far out
    p_outside = np.where(unsure, 1 - _discovery_rates(tail, tail[unsure & single]), 0.0)
    p_outside[~is_written], tail[~is_written] = np.nan, np.nan
    return Outside(p_outside, tail)


def _with_every_class(
    given_labels: np.ndarray, p_error: np.ndarray, able: np.ndarray, trusted: np.ndarray
) -> np.ndarray:
    """Return (N,) bool: the trusted rows, and of each class at least the best ones.

    A class without a mean of its own would be taken for outsiders.
    """
    fitted = trusted.copy()
    for label in np.unique(given_labels[able]).tolist():
        rows = np.flatnonzero(able & (given_labels == label))
        n_least = int(np.ceil(_LEAST_OF_CLASS * len(rows)))
        if fitted[rows].sum() < n_least:
            fitted[rows[np.argsort(p_error[rows], kind="stable")[:n_least]]] = True
    return fitted


def _distances(
    embeddings: Vectors | np.ndarray,
    labels: np.ndarray,
    fitted: np.ndarray,
    groups: np.ndarray,
    single: np.ndarray,
    is_written: np.ndarray,
    keys: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the two distances of ``fold_distances``; rows of a group share a fold."""
    _, dense = np.unique(groups, return_inverse=True)
    least = np.full(int(dense.max()) + 1, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(least, dense, keys)
    folds = (least[dense] % np.uint64(_N_FOLDS)).astype(np.int64)
    return fold_distances(as_vectors(embeddings), labels, folds, fitted, single & is_written)


def _deviates(distance: np.ndarray, trusted: np.ndarray) -> np.ndarray:
    """Return (N,) how far out rows are by their rank among the trusted ones, as normal deviates."""
    from scipy.special import ndtri

    ordered = np.sort(trusted)
    beyond = len(ordered) - np.searchsorted(ordered, distance, side="left")
    deviates: np.ndarray = -ndtri(np.minimum((1 + beyond) / (1 + len(ordered)), _MOST_TAIL))
    return deviates


def _tails(away: np.ndarray, of_unsure: np.ndarray) -> np.ndarray:
    """Return (N,) tail probabilities among unsure rows that belong to a class.

    Unsure rows lie farther out than trusted ones: as if the normal distribution of the deviates
    were shifted and scaled. It is fitted by maximum likelihood, cut off where outsiders begin.

    Args:
        away: (N,) deviates.
        of_unsure: (R,) those of the unsure rows, some of which are outsiders.
    """
    from scipy.special import log_ndtr, ndtr

    bulk = of_unsure[of_unsure <= _BULK]
    if len(bulk) < _LEAST_BULK:
        return np.ones(len(away))
    shift, scale = _SHIFTS[:, None], _SCALES[None, :]
    squares = (bulk**2).sum() - 2 * shift * bulk.sum() + len(bulk) * shift**2
    fit = -squares / (2 * scale**2) - len(bulk) * np.log(scale)
    fit -= len(bulk) * log_ndtr((_BULK - shift) / scale)
    best = np.unravel_index(int(fit.argmax()), fit.shape)
    found: np.ndarray = ndtr((_SHIFTS[best[0]] - away) / _SCALES[best[1]])
    return found


def _discovery_rates(tail: np.ndarray, tested: np.ndarray) -> np.ndarray:
    """Return (N,) the false discovery rate if all rows at least as far out were called outside.

    Args:
        tail: (N,) tail probabilities.
        tested: (M,) those of the rows that come into question, each text once.
    """
    if not len(tested):
        return np.ones(len(tail))
    ordered = np.sort(tested)
    rates = len(ordered) * ordered / np.arange(1, len(ordered) + 1)
    rates = np.minimum.accumulate(rates[::-1])[::-1]
    place = np.searchsorted(ordered, tail, side="left")
    found: np.ndarray = np.minimum(np.append(rates, 1.0)[place], 1.0)
    return found
