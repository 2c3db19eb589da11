"""How sure the order of several models is: bootstrap, rank correlation, flips.

Rows are drawn once for all models (paired). Where labels are known by their probabilities, each
drawn row's right label is drawn as well, and so is how far these probabilities are off as a whole.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from noisefix.evaluation.prevalence import Accuracies, Beliefs, accuracies_of
from noisefix.probability import Z_90, log_odds, sigmoid

N_DRAWS = 2000
_STEPS = 20
"""Quantiles at which the calibration error is taken."""

_MOST_CELLS = 20_000_000


def draw_accuracies(
    known: Beliefs,
    *,
    noise_rate: tuple[float, float] | None = None,
    n_draws: int = N_DRAWS,
    seed: int = 0,
) -> Accuracies:
    """Draw the accuracies that other test sets of this size would show.

    Args:
        known: N rows, M models.
        noise_rate: ends of the 90 % interval of the share of wrong labels, where labels are known
            by probabilities: in each draw the log-odds of all uncertain errors are shifted so that
            their mean follows it. None: the probabilities are taken as they are.
        n_draws: number of draws, B; a multiple of 20.
        seed: of the draws.

    Returns:
        Accuracies with B draws before their axes.
    """
    generator = np.random.default_rng(seed)
    patterns, ids, rows, kinds = _patterns(known)
    shifts = _shifts(known.p_given, noise_rate)
    n_each = n_draws // len(shifts)
    counts = []
    for shift in shifts:
        probs = _outcome_probs(known, rows, kinds, shift)
        weights = np.bincount(ids, probs, minlength=len(patterns)) / probs.sum()
        size = max(1, _MOST_CELLS // len(patterns))
        for begin in range(0, n_each, size):
            drawn = generator.multinomial(len(known.p_given), weights, min(size, n_each - begin))
            counts.append(_tally(drawn, patterns, known.predicted.shape[1]))
    sums = [np.concatenate(parts) for parts in zip(*counts, strict=True)]
    return accuracies_of(*sums)


def _patterns(known: Beliefs) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return what can come of a row, told apart by what counts: who is right, and about what.

    Returns:
        (P, 1 + 2M) bool: given label is right; who predicts it; who predicts the right one. Then
        for each outcome of each row: its pattern, its row, and its kind: -1 the given label is
        right, m >= 0 the label that model m predicts is, -2 another one is.
    """
    is_given = known.is_given
    n_rows, n_models = is_given.shape
    every = np.arange(n_rows)
    blocks = [(every, np.full(n_rows, -1), np.ones(n_rows, bool), is_given)]
    for m in range(n_models):
        same = known.predicted == known.predicted[:, m : m + 1]  # (N, M) who says what m says
        first = ~same[:, :m].any(axis=1) & ~is_given[:, m] & (known.predicted[:, m] >= 0)
        mine = np.flatnonzero(first)
        blocks.append((mine, np.full(len(mine), m), np.zeros(len(mine), bool), same[mine]))
    blocks.append((every, np.full(n_rows, -2), np.zeros(n_rows, bool), np.zeros_like(is_given)))
    rows, kinds, right, hits = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    packed = np.packbits(np.column_stack([right, is_given[rows], hits]), axis=1)
    distinct, ids = np.unique(packed, axis=0, return_inverse=True)
    unpacked = np.unpackbits(distinct, axis=1, count=1 + 2 * n_models).astype(bool)
    return unpacked, ids.ravel(), rows, kinds


def _outcome_probs(known: Beliefs, rows: np.ndarray, kinds: np.ndarray, shift: float) -> np.ndarray:
    """Return the probability of each outcome within its row, the log-odds of errors shifted."""
    p_wrong = 1 - known.p_given
    shifted = _shifted(p_wrong, shift)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(p_wrong > 0, shifted / p_wrong, 1.0)
    probs = np.empty(len(rows))
    probs[kinds == -1] = (1 - shifted)[rows[kinds == -1]]
    named = kinds >= 0
    probs[named] = known.p_predicted[rows[named], kinds[named]] * scale[rows[named]]
    left = shifted - np.bincount(rows[named], probs[named], minlength=len(p_wrong))
    probs[kinds == -2] = np.maximum(left, 0)[rows[kinds == -2]]
    return probs


def _tally(drawn: np.ndarray, patterns: np.ndarray, n_models: int) -> tuple[np.ndarray, ...]:
    """Return (B,) right and wrong rows and (B, M) hits on right, hits on wrong, memorised."""
    right = patterns[:, 0].astype(np.float64)
    is_given = patterns[:, 1 : 1 + n_models]
    hits = patterns[:, 1 + n_models :]
    drawn = drawn.astype(np.float64)
    wrong = 1 - right[:, None]
    return (
        drawn @ right,
        drawn @ wrong[:, 0],
        drawn @ (right[:, None] * hits),
        drawn @ (wrong * hits),
        drawn @ (wrong * is_given),
    )


def _shifted(p_wrong: np.ndarray, shift: float) -> np.ndarray:
    """Shift log-odds; what is certain stays so."""
    if not shift:
        return p_wrong
    open_ = (p_wrong > 0) & (p_wrong < 1)
    return np.where(open_, sigmoid(log_odds(p_wrong) + shift), p_wrong)


def _shifts(p_given: np.ndarray, noise_rate: tuple[float, float] | None) -> list[float]:
    """Return equally probable shifts of all log-odds of errors, by the noise rate's interval."""
    p_wrong = 1 - p_given
    if noise_rate is None or not ((p_wrong > 0) & (p_wrong < 1)).any():
        return [0.0]
    low, high = (_shift_to(p_wrong, rate) for rate in noise_rate)
    quantiles = [NormalDist().inv_cdf((step + 0.5) / _STEPS) / Z_90 for step in range(_STEPS)]
    middle, half = (low + high) / 2, (high - low) / 2
    return [middle + half * z for z in quantiles]


def _shift_to(p_wrong: np.ndarray, rate: float) -> float:
    """Return the shift with which the mean is the rate, as nearly as one within -12..12 does."""
    low, high = -12.0, 12.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _shifted(p_wrong, middle).mean() < rate else (low, middle)
    return (low + high) / 2


def kendall_tau(one: np.ndarray, other: np.ndarray) -> float:
    """Return Kendall's tau-b of two rankings of the same models; NaN where one ranks nothing.

    Args:
        one: (M,) scores.
        other: (M,) scores.

    Source: Kendall 1945, The treatment of ties in ranking problems.
    """
    pairs = np.triu_indices(len(one), 1)
    a = np.sign(np.subtract.outer(one, one))[pairs]
    b = np.sign(np.subtract.outer(other, other))[pairs]
    scale = np.sqrt(np.abs(a).sum() * np.abs(b).sum())
    return float((a * b).sum() / scale) if scale else float("nan")


def flip_probability(drawn: Accuracies, one: int, other: int) -> float:
    """Return the share of draws in which given and corrected labels order two models differently.

    A tie under one of the two counts half.
    """
    given = np.sign(drawn.given[:, one] - drawn.given[:, other])
    corrected = np.sign(drawn.corrected[:, one] - drawn.corrected[:, other])
    return float((np.abs(given - corrected) / 2).mean())


def best_probability(scores: np.ndarray) -> np.ndarray:
    """Return (M,) the share of draws in which each model is best; ties are divided.

    Args:
        scores: (B, M) drawn accuracies.
    """
    is_best = scores == scores.max(axis=1, keepdims=True)
    shares: np.ndarray = (is_best / is_best.sum(axis=1, keepdims=True)).mean(axis=0)
    return shares


def quantile_interval(drawn: np.ndarray) -> np.ndarray:
    """Return (2, ...) ends of the 90 % interval over the draws, those without a value left out."""
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning)
        ends: np.ndarray = np.nanquantile(drawn, (0.05, 0.95), axis=0)
    return ends
