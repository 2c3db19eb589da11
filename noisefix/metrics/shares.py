"""What share of all rows is of each class, where a labeller that errs has labelled them.

Some rows have a person's label too. From these it is known how the labeller confuses the classes,
and its counts over all rows are corrected for that, in two ways:

- ``by_label``: of the rows that were called "refund", so many are of each class. Needs rows drawn
  at random over the file; the narrower of the two there.
- ``rogan_gladen``: of the rows that *are* "refund", so many are called each. Needs rows drawn at
  random within each class only, and holds for other files, where classes have other shares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

N_DRAWS = 1000
_WORK = 1_000_000
"""Numbers that one step of the draws may hold."""

_LEAST_DRAWS = 200
_STEPS = 300
_SMALL_STEP = 1e-6
_LEAST_START = 1e-3
_TAIL = 0.05
_LEAST_CLEARNESS = 3.0
"""Standard errors that the least singular value needs to count as more than chance."""

_NAMED_WEIGHT = 0.3
"""From this weight on, a class is named as one that cannot be told apart (1: all of it)."""


@dataclass(frozen=True, eq=False)
class SharesEstimate:
    """Shares of K classes, each with its 90 % interval; NaN where they cannot be known."""

    shares: np.ndarray  # (K,)
    low: np.ndarray  # (K,)
    high: np.ndarray  # (K,)


def by_label(
    counts: np.ndarray, rest: np.ndarray, seed: int = 0, n_draws: int = N_DRAWS
) -> SharesEstimate:
    """Correct class shares by what the rows of each given label really are.

    A given label that no row with a truth has is taken as right, with an interval that says how
    little is known of it.

    Args:
        counts: (K, K) rows with a truth, drawn at random over all rows, [true, said].
        rest: (K,) all other rows, by the label said.
        seed: of the draws.
        n_draws: how many of them; fewer where there are many classes.

    Source: the double sampling of Tenenbein 1970, A double sampling scheme for estimating from
    binomial data with misclassifications, Journal of the American Statistical Association 65: a
    sample of both kinds of label, and many rows of the cheap kind. With K classes the estimate of
    highest likelihood is the sum over given labels of their share times the truth's shares there.
    The interval is our own: the 5 and 95 % quantile over draws of both tables from their Dirichlet
    posterior, with 1/K of a row in each cell before any was seen.
    """
    known = np.where(counts.sum(axis=0) > 0, counts, np.eye(len(counts)))
    shares = _true_given_said(known[None], _said_shares(counts, rest)[None])[0]
    cells, said = _draws(counts, rest, seed, n_draws)
    return _with_interval(shares, _true_given_said(cells, said))


def rogan_gladen(
    counts: np.ndarray, rest: np.ndarray, seed: int = 0, n_draws: int = N_DRAWS
) -> SharesEstimate:
    """Correct class shares by how the labeller confuses the classes.

    For two classes this is (said + specificity - 1) / (sensitivity + specificity - 1), kept in
    0..1. For more, the shares on the simplex under which what was said is most probable: where the
    linear system said = shares @ confusion has a solution there, it is that one.

    Args:
        counts: (K, K) rows with a truth, drawn at random within each class, [true, said].
        rest: (K,) all other rows, by the label said.
        seed: of the draws.
        n_draws: how many of them; fewer where there are many classes.

    Returns:
        The shares; NaN for a class that no row with a truth is of.

    Source: Rogan and Gladen 1978, Estimating prevalence from the results of a screening test,
    American Journal of Epidemiology 107(1). For more classes the same linear system as corrects a
    classifier's shares in Hopkins and King 2010, A method of automated nonparametric content
    analysis for social science, American Journal of Political Science 54(1); solved on the simplex
    here, by the EM steps for the shares of a mixture. Intervals as in ``by_label``.
    """
    is_known = counts.sum(axis=1) > 0
    estimate = SharesEstimate(*(np.full(len(counts), np.nan) for _ in range(3)))
    if not is_known.any():
        return estimate
    cells, said = _draws(counts, rest, seed, n_draws)
    shares = _unmixed(counts[None, is_known] / 1.0, _said_shares(counts, rest)[None])[0]
    found = _with_interval(shares, _unmixed(cells[:, is_known], said))
    for whole, part in zip(
        (estimate.shares, estimate.low, estimate.high),
        (found.shares, found.low, found.high),
        strict=True,
    ):
        whole[is_known] = part
    return estimate


def indistinct_classes(counts: np.ndarray) -> tuple[int, ...]:
    """Return classes that the labeller does not tell apart, as far as these rows can show.

    The confusion matrix is then nearly singular: many different shares explain what was said
    alike, and ``rogan_gladen`` cannot choose between them.

    Args:
        counts: (K, K) rows with a truth, [true, said].

    Returns:
        Class ids, the one of most weight first; empty: all can be told apart.
    """
    classes = np.flatnonzero(counts.sum(axis=1))
    if len(classes) < 2:
        return ()
    rows = counts[classes].sum(axis=1)
    confusion = counts[classes] / rows[:, None]
    left, values, right = np.linalg.svd(confusion, full_matrices=False)
    weights, direction = left[:, -1], right[-1]
    smoothed = (counts[classes] + 1 / counts.shape[1]) / (rows + 1)[:, None]
    spread = smoothed @ direction**2 - (smoothed @ direction) ** 2
    error = float(np.sqrt((weights**2 * spread / rows).sum()))
    if values[-1] >= _LEAST_CLEARNESS * error:
        return ()
    order = np.argsort(-np.abs(weights), kind="stable")
    named = [k for k in order if abs(weights[k]) >= _NAMED_WEIGHT]
    return tuple(int(classes[k]) for k in (named if len(named) > 1 else order[:2]))


def _said_shares(counts: np.ndarray, rest: np.ndarray) -> np.ndarray:
    said = counts.sum(axis=0) + rest
    shares: np.ndarray = said / said.sum()
    return shares


def _draws(
    counts: np.ndarray, rest: np.ndarray, seed: int, wanted: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return (B, K, K) cells and (B, K) shares of what is said, as they may be."""
    size = len(counts)
    n_draws = min(wanted, max(_WORK // size**2, _LEAST_DRAWS))
    rng = np.random.default_rng(seed)
    cells = rng.dirichlet(counts.ravel() + 1 / size, n_draws).reshape(n_draws, size, size)
    other = rng.dirichlet(rest + 1 / size, n_draws)
    said = counts.sum() * cells.sum(axis=1) + rest.sum() * other  # the same rows tell of both
    return cells, said / said.sum(axis=1, keepdims=True)


def _true_given_said(cells: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Return (B, K) shares: what each label said really is, weighed by how often it is said."""
    columns = cells.sum(axis=1, keepdims=True)
    parts = np.divide(cells, columns, out=np.zeros_like(cells), where=columns > 0)
    shares: np.ndarray = (parts @ said[:, :, None])[:, :, 0]
    return shares


def _unmixed(cells: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Return (B, T) shares of the true classes whose mixture is nearest to what is said."""
    confusion = cells / np.maximum(cells.sum(axis=2, keepdims=True), 1e-300)
    shares: np.ndarray = (said[:, None] @ np.linalg.pinv(confusion))[:, 0]
    is_square = cells.shape[1] == cells.shape[2]
    open_ = np.flatnonzero((shares < 0).any(axis=1)) if is_square else np.arange(len(shares))
    shares = np.clip(shares, _LEAST_START, None)
    shares /= shares.sum(axis=1, keepdims=True)
    for _ in range(_STEPS):
        if not len(open_):
            break
        mixture = (shares[open_, None] @ confusion[open_])[:, 0]
        ratio = np.divide(said[open_], mixture, out=np.zeros_like(mixture), where=mixture > 0)
        better = shares[open_] * (confusion[open_] @ ratio[:, :, None])[:, :, 0]
        better /= better.sum(axis=1, keepdims=True)
        moved = np.abs(better - shares[open_]).max(axis=1)
        shares[open_] = better
        open_ = open_[moved > _SMALL_STEP]
    return shares


def _with_interval(shares: np.ndarray, draws: np.ndarray) -> SharesEstimate:
    low, high = np.quantile(draws, (_TAIL, 1 - _TAIL), axis=0)
    return SharesEstimate(shares, np.minimum(low, shares), np.maximum(high, shares))
