"""How sure the order of several models is: bootstrap, rank correlation, flips.

Rows are drawn once for all models (paired). Where labels are known by their probabilities, each
drawn row's right label is drawn as well, and so is how far these probabilities are off: as a whole
(the noise rate's own interval); where models contradict the given label (they have read other rows
than the estimate, and may know more, or have learned the same mistakes), all of them alike and each
by itself; and in which label is right instead. How far that differs from one data set to the next
was measured on eleven real sets with known truth and five models each, and tried on seven others
(docs/rank-stability.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from noisefix.metrics.prevalence import Accuracies, Beliefs, accuracies_of
from noisefix.probability import Z_90, log_odds, sigmoid

N_DRAWS = 2000
_STEPS = 40
"""Draws of how far the probabilities are off; each serves for equally many draws of rows."""

_CONTRADICTED_SD = 3.0
"""Spread of the shift of an error's log-odds where all models contradict the label."""

_MODEL_SD = 1.0
"""Spread of the shift that each model brings by itself."""

_NAMED, _NAMED_SD = 0.5, 0.4
"""Shift of the log-odds of a label that a model names, among all but the given one; its spread."""

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
            their mean follows it. None: it is taken to be their mean.
        n_draws: number of draws, B; a multiple of 40.
        seed: of the draws.

    Returns:
        Accuracies with B draws before their axes.
    """
    generator = np.random.default_rng(seed)
    patterns, ids, rows, kinds = _patterns(known)
    offsets = list(_offsets(known, noise_rate, generator))
    n_each = n_draws // len(offsets)
    counts = []
    for p_wrong, named in offsets:
        probs = _outcome_probs(known, rows, kinds, p_wrong, named)
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


def _outcome_probs(
    known: Beliefs, rows: np.ndarray, kinds: np.ndarray, p_wrong: np.ndarray, named: float
) -> np.ndarray:
    """Return the probability of each outcome within its row.

    Args:
        known: N rows.
        rows: (O,) rows of the outcomes.
        kinds: (O,) see ``_patterns``.
        p_wrong: (N,) probability of an error.
        named: shift of the log-odds of a label that a model names.
    """
    probs = np.empty(len(rows))
    probs[kinds == -1] = (1 - p_wrong)[rows[kinds == -1]]
    said = kinds >= 0
    among = known.p_predicted[rows[said], kinds[said]]
    factor, rest = _instead(known.p_given, rows[said], among, named)
    probs[said] = among * factor[rows[said]] * p_wrong[rows[said]]
    probs[kinds == -2] = (rest * p_wrong)[rows[kinds == -2]]
    return probs


def _instead(
    p_given: np.ndarray, rows: np.ndarray, among: np.ndarray, shift: float
) -> tuple[np.ndarray, np.ndarray]:
    """Share out an error among the labels that models name, and all others.

    Args:
        p_given: (N,) probability that the given label is right.
        rows: (S,) rows of the labels named.
        among: (S,) their probabilities.
        shift: of their log-odds.

    Returns:
        (N,) what to multiply these probabilities by for shares of the error; (N,) share of others.
    """
    n_rows, wrong = len(p_given), 1 - p_given
    total = np.bincount(rows, among, minlength=n_rows)
    left = np.maximum(wrong - total, 0)
    whole = total * np.exp(shift) + left
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(whole > 0, np.exp(shift) / whole, 0)
        rest = np.where(whole > 0, left / whole, 1)
    return factor, rest


def hear_models(known: Beliefs) -> Beliefs:
    """Return beliefs in which the labels that models name are somewhat more probable.

    Where the given label is wrong, a label that some model names is right more often than the
    posterior says; with two classes nothing changes.
    """
    _, _, rows, kinds = _patterns(known)
    said = kinds >= 0
    among = known.p_predicted[rows[said], kinds[said]]
    factor, _ = _instead(known.p_given, rows[said], among, _NAMED)
    scaled = known.p_predicted * (factor * (1 - known.p_given))[:, None]
    return replace(known, p_predicted=np.where(known.is_given, known.p_predicted, scaled))


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


def _offsets(
    known: Beliefs, noise_rate: tuple[float, float] | None, generator: np.random.Generator
) -> Iterator[tuple[np.ndarray, float]]:
    """Yield (N,) probabilities of an error, and the shift of labels named, each as probable."""
    p_wrong = 1 - known.p_given
    open_ = (p_wrong > 0) & (p_wrong < 1)
    if not open_.any():
        yield p_wrong, 0.0
        return
    odds, contradicts = log_odds(p_wrong), (~known.is_given).astype(np.float64)
    n_models = contradicts.shape[1]
    normal = NormalDist()
    quantiles = np.array([normal.inv_cdf((step + 0.5) / _STEPS) for step in range(_STEPS)])
    low, high = (p_wrong.mean(),) * 2 if noise_rate is None else noise_rate
    ends = [log_odds(np.array([end]), 1e-4)[0] for end in (low, high)]
    rates = sigmoid((ends[0] + ends[1]) / 2 + (ends[1] - ends[0]) / 2 * quantiles / Z_90)
    others = _CONTRADICTED_SD * generator.permutation(quantiles)[:, None] / n_models
    others = others + _MODEL_SD * generator.standard_normal((_STEPS, n_models))
    named = _NAMED_SD * generator.permutation(quantiles)
    for rate, slope, shift in zip(rates.tolist(), others, named.tolist(), strict=True):
        moved = odds + contradicts @ slope
        yield (
            np.where(open_, sigmoid(moved + _shift_to(moved, p_wrong, open_, rate)), p_wrong),
            shift,
        )


def _shift_to(odds: np.ndarray, p_wrong: np.ndarray, open_: np.ndarray, rate: float) -> float:
    """Return the shift with which the mean is the rate, as nearly as one within -12..12 does."""
    low, high, wanted = -12.0, 12.0, rate * len(odds) - p_wrong[~open_].sum()
    for _ in range(40):
        middle = (low + high) / 2
        is_less = sigmoid(odds[open_] + middle).sum() < wanted
        low, high = (middle, high) if is_less else (low, middle)
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
