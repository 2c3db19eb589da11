"""Two readings of the same evidence: the class shares are right as given, or the noise bent them.

Whether a label is given too often because it is over-used, or rare because other labels swallow it,
the data do not tell: the same views speak for either. One reading takes the given shares as they
are; the other is that of the hypotheses (``hypotheses.py``). p_error starts from a mixture of both,
in proportions that depend on who labelled the data: people tend to over-call the rarer class,
models and rules to fall back on a common one. Verified rows decide between them
(``error_model.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from noisefix.confident.validation import row_blocks
from noisefix.labels import UNLABELLED
from noisefix.probability import log_odds, sigmoid, softmax
from noisefix.probing.hypotheses import log_odds_wrong
from noisefix.probing.pooling import divide_by_shares
from noisefix.probing.sampling import some_rows
from noisefix.threads import one_blas_thread

LABELLED_BY = ("people", "model", "rules", "unknown")
UNKNOWN = "unknown"

_MOST_ODDS = 6.0
_FLOOR = 1e-4
_MAX_FIT_ROWS, _MAX_FIT_CELLS = 8_000, 2_000_000
_STACK_RIDGE = 1e-3


@dataclass(frozen=True, eq=False)
class SharesAsGiven:
    """What the views say of N rows, weighed so that they predict the given labels best.

    Attributes:
        log_odds: (N,) that the given label is not the true one, the given class shares being the
            true ones; 0 for unlabelled rows.
        share_odds: (N,) the same from the class shares alone, without the text.
        equal: (N,) the best other label against the given one if all classes were equally common
            (or as common as the user says), in [-6, 6].
        weights: (V + 1,) of the views' log-probabilities and of the log class shares.
    """

    log_odds: np.ndarray
    share_odds: np.ndarray
    equal: np.ndarray
    weights: np.ndarray


@one_blas_thread()
def shares_as_given(
    views: Sequence[np.ndarray],
    given_labels: np.ndarray,
    class_shares: np.ndarray | None = None,
) -> SharesAsGiven:
    """Stack the views: a logistic model of the given labels on the views' log-probabilities.

    Views differ in sharpness from encoder to encoder and from data set to data set. Weighed by how
    well they predict the labels out of sample, they mean the same everywhere.

    Args:
        views: (N, K) out-of-sample probabilities each, rows sum to 1; at least one.
        given_labels: (N,) class ids in 0..K-1, -1 = unlabelled; at least one labelled row.
        class_shares: (K,) true shares of the classes where the user knows them.
    """
    n_rows, n_classes = views[0].shape
    labelled = given_labels != UNLABELLED
    counts = np.bincount(given_labels[labelled], minlength=n_classes)
    log_shares = np.log((counts + 1) / (counts + 1).sum())
    weights = _stack_weights(views, given_labels, log_shares)
    odds, equal = np.zeros(n_rows), np.zeros(n_rows)

    def stacked(block: slice) -> np.ndarray:
        logits = weights[-1] * log_shares[None, :]
        for weight, view in zip(weights, views, strict=False):
            logits = logits + weight * np.log(np.maximum(view[block], _FLOOR))
        return softmax(logits).astype(np.float32)

    means = np.zeros(n_classes)
    for block in row_blocks(n_rows, n_classes):
        probs, rows = stacked(block), np.flatnonzero(labelled[block])
        own = probs[rows, given_labels[block][rows]].astype(np.float64)
        odds[block.start + rows] = -log_odds(np.clip(own, _FLOOR, 1 - _FLOOR))
        means += probs.sum(axis=0, dtype=np.float64)
    means /= n_rows
    for block in row_blocks(n_rows, n_classes):  # made twice rather than held
        probs = divide_by_shares(stacked(block), shares=means, prior=class_shares)
        equal[block] = log_odds_wrong(probs, given_labels[block], _MOST_ODDS)
    shares = np.clip(counts / max(counts.sum(), 1), 1e-3, 1 - 1e-3)
    share_odds = np.where(labelled, -log_odds(shares)[np.maximum(given_labels, 0)], 0.0)
    return SharesAsGiven(odds, share_odds, equal, weights)


def _stack_weights(
    views: Sequence[np.ndarray], given_labels: np.ndarray, log_shares: np.ndarray
) -> np.ndarray:
    """Return (V + 1,) weights of the views, none negative, and of the log shares."""
    from scipy.optimize import minimize

    n_classes = len(log_shares)
    n_most = min(_MAX_FIT_ROWS, max(_MAX_FIT_CELLS // n_classes, 500))
    rows = some_rows(np.flatnonzero(given_labels != UNLABELLED), n_most)
    index, labels = np.arange(len(rows)), given_labels[rows]
    parts = [np.log(np.maximum(view[rows], _FLOOR)).astype(np.float64) for view in views]
    inputs = np.stack([*parts, np.broadcast_to(log_shares, parts[0].shape)], axis=-1)  # (R, K, V+1)
    start = np.append(np.full(len(views), 1 / len(views)), 0.0)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        probs = softmax(inputs @ weights)
        fit = -np.log(probs[index, labels] + 1e-30).mean()
        gradient = np.einsum("rk,rkv->v", probs, inputs) / len(rows)
        gradient -= inputs[index, labels].mean(axis=0)
        pull = weights - start
        return float(fit + _STACK_RIDGE * (pull**2).sum()), gradient + 2 * _STACK_RIDGE * pull

    bounds = [(0, None)] * len(views) + [(None, None)]
    found: np.ndarray = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return found


@dataclass(frozen=True)
class Mixture:
    """How the two readings are mixed for one kind of labeller, before calibration.

    Attributes:
        hypotheses_share: weight of the hypotheses' reading, in [0, 1]; the rest is the given
            shares'.
        given_intercept: added to the log-odds of the given shares' reading.
        hypotheses_intercept: added to those of the hypotheses' reading.
        by_equal_shares: the hypotheses' reading is the stacked views at equal shares; otherwise the
            weighted four hypotheses.
    """

    hypotheses_share: float
    given_intercept: float
    hypotheses_intercept: float
    by_equal_shares: bool


@dataclass(frozen=True)
class Calibration:
    """What makes probabilities of the mixture, and how much that differs between data sets.

    Attributes:
        slope: of the mixture's log-odds.
        slope_gain: change of the slope per unit of the label names' gain.
        intercept: log-odds.
        name_gain: change of the intercept per unit of that gain, which counts up to
            ``MAX_NAME_GAIN``.
        intercept_sd: spread of the intercept between data sets.
        reading_sd: spread of the weights of the two readings, hypotheses' and given shares'.
    """

    slope: float
    slope_gain: float
    intercept: float
    name_gain: float
    intercept_sd: float
    reading_sd: tuple[float, float]


MAX_NAME_GAIN = 0.7
UNSEEN_GAIN = 0.1
"""The gain that is assumed for rows without texts. Names that explain nothing of a text are a sign
of noise; names that there was nothing to hold against are none."""

SHARE_PULL = 0.3
"""How much of the class shares' own log-odds is added to the given shares' reading: where texts say
little, a label that is rarely given is the likelier one to be wrong."""

PEOPLE = Mixture(0.35, -1.0, -5.0, by_equal_shares=True)
MACHINES = Mixture(0.85, -0.2, 0.0, by_equal_shares=False)
_PEOPLE_SHARE_OF_UNKNOWN = 0.7
_MACHINES_ARE_NOISIER = -1.0

CALIBRATIONS = {
    "people": Calibration(0.982, 0.963, -0.128, -2.554, 0.6, (0.15, 0.15)),
    "model": Calibration(0.823, 1.763, -0.167, -1.966, 0.6, (0.15, 0.15)),
    "rules": Calibration(0.823, 1.763, 0.053, -1.966, 0.8, (0.15, 0.15)),
    "unknown": Calibration(0.735, 0.882, 0.190, -2.067, 1.2, (0.15, 0.15)),
}
"""By who labelled the data; ``tests/benchmarks/readings.py`` refits them."""


@dataclass(frozen=True, eq=False)
class Read:
    """The two readings of N rows and what follows from both.

    Attributes:
        base: (N,) log-odds of an error by the mixture, calibrated.
        inputs: (N, 2) log-odds by the hypotheses and by the given shares, as verified rows weigh
            them.
        only: (N, 2) calibrated probabilities if the hypotheses alone, or the given shares alone,
            were right.
        calibration: for this labeller.
    """

    base: np.ndarray
    inputs: np.ndarray
    only: np.ndarray
    calibration: Calibration


def read(
    given: SharesAsGiven,
    hypotheses: np.ndarray,
    labelled_by: str,
    name_gain: float | None,
    *,
    knows_shares: bool = False,
    calibration: Calibration | None = None,
) -> Read:
    """Mix the two readings in the proportions that hold for this kind of labeller.

    Args:
        given: the views at the given shares.
        hypotheses: (N,) log-odds of the weighted hypotheses.
        labelled_by: one of ``LABELLED_BY``.
        name_gain: ``NameView.gain``; None: rows without texts, which names could not explain.
        knows_shares: the user knows the true class shares: the hypotheses hold.
        calibration: None: that of this kind of labeller.
    """
    calibration = calibration or CALIBRATIONS[labelled_by]
    gain = UNSEEN_GAIN if name_gain is None else min(name_gain, MAX_NAME_GAIN)
    slope = calibration.slope + calibration.slope_gain * gain
    offset = calibration.intercept + calibration.name_gain * gain
    as_given = given.log_odds + SHARE_PULL * given.share_odds

    def mixed(share: float | None) -> np.ndarray:
        if labelled_by == "people":
            odds = _mix(PEOPLE, share, given.equal, as_given)
        elif labelled_by != UNKNOWN:
            odds = _mix(MACHINES, share, hypotheses, as_given)
        else:
            people = sigmoid(_mix(PEOPLE, share, given.equal, as_given))
            machines = _mix(MACHINES, share, hypotheses, as_given) + _MACHINES_ARE_NOISIER
            part = _PEOPLE_SHARE_OF_UNKNOWN
            odds = log_odds(part * people + (1 - part) * sigmoid(machines))
        calibrated: np.ndarray = slope * odds + offset
        return calibrated

    only = np.column_stack([sigmoid(mixed(1.0)), sigmoid(mixed(0.0))])
    if knows_shares:
        noisier = 0.0 if labelled_by in ("model", "rules") else _MACHINES_ARE_NOISIER
        base = slope * (hypotheses + noisier) + offset
    else:
        base = mixed(None)
    return Read(base, np.column_stack([hypotheses, as_given]), only, calibration)


def _mix(
    mixture: Mixture, share: float | None, hypotheses: np.ndarray, as_given: np.ndarray
) -> np.ndarray:
    part = mixture.hypotheses_share if share is None else share
    first = sigmoid(hypotheses + mixture.hypotheses_intercept)
    second = sigmoid(as_given + mixture.given_intercept)
    return log_odds(part * first + (1 - part) * second)


@dataclass(frozen=True, eq=False)
class Dispute:
    """Rows that only one of the two readings suspects.

    Attributes:
        as_given: (A,) rows that are wrong if the class shares are right as given.
        collapsed: (B,) rows that are wrong if labels collapse into common classes.
        deciding: (D,) rows whose verification tells which reading holds, taken from both in turn.
    """

    as_given: np.ndarray
    collapsed: np.ndarray
    deciding: np.ndarray


def find_dispute(only: np.ndarray, candidates: np.ndarray, n_suspects: int, n_most: int) -> Dispute:
    """Compare the most suspicious rows of both readings.

    Args:
        only: (N, 2) of ``Read``.
        candidates: (R,) the rows that come into question.
        n_suspects: rows that each reading suspects.
        n_most: rows to verify at most.
    """
    by_reading = [
        candidates[np.argsort(-only[candidates, column], kind="stable")][:n_suspects]
        for column in range(2)
    ]
    collapsed = by_reading[0][~np.isin(by_reading[0], by_reading[1])]
    as_given = by_reading[1][~np.isin(by_reading[1], by_reading[0])]
    in_turn = [row for pair in zip(as_given, collapsed, strict=True) for row in pair]
    return Dispute(as_given, collapsed, np.array(in_turn[:n_most], dtype=np.int64))
