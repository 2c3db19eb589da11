"""Fit the coefficients of noisefix's error model to data sets with known truth.

First the weights of the hypotheses: a logistic model of the errors, every data set with an
intercept of its own, so that only the ranking within the sets counts. Then, on the weighted sum, a
common slope and intercept and what the label names' gain changes about them, with a penalty where
a set's mean probability misses its noise rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize

from noisefix.probing.error_model import ERROR_MODEL, ErrorModel
from noisefix.probing.hypotheses import HYPOTHESES, Hypotheses

RANKING_WEIGHT = {"main": 1.0, "answers": 0.5, "made": 0.5, "clean": 0.0}
CALIBRATION_WEIGHT = {"main": 1.0, "answers": 0.3, "made": 0.3, "clean": 0.3}
"""How much a data set counts, by its kind; clean sets have no errors to be ranked."""

_WEIGHTS_RIDGE = 1e-2
_FEATURES_RIDGE = 3e-3
_RATE_PENALTY = 2.0
_N_BINS = 300
_LEAST_CLASS_ROWS = 20


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of one task's N labelled rows.

    Attributes:
        name: the task.
        kind: of the task.
        source: which texts.
        is_fitted: it takes part in fits.
        hypotheses: what the production views and hypotheses say of all rows.
        given: (N,) class ids.
        gain: how much the label names explain, in [0, 1].
        known: (N,) bool, rows whose truth is known.
        is_error: (N,) bool, only meaningful where known.
        plain: (N,) score of the plain way: 1 - the probe's self-confidence.
    """

    name: str
    kind: str
    source: str
    is_fitted: bool
    hypotheses: Hypotheses
    given: np.ndarray
    gain: float
    known: np.ndarray
    is_error: np.ndarray
    plain: np.ndarray

    @property
    def log_odds(self) -> np.ndarray:
        """(R, 4) of the R rows with a known truth."""
        return self.hypotheses.log_odds[self.known]

    @property
    def errors(self) -> np.ndarray:
        """(R,) 1.0 where the given label is wrong."""
        return self.is_error[self.known].astype(np.float64)


@dataclass(frozen=True)
class Spreads:
    """How much the coefficients differ between data sets, root mean squares.

    Attributes:
        intercept: of the intercepts.
        weights: (4,) of the weights.
        class_intercept: of the classes' intercepts within a set.
    """

    intercept: float
    weights: tuple[float, ...]
    class_intercept: float


def fit(data: Sequence[Evidence], base: ErrorModel = ERROR_MODEL) -> ErrorModel:
    """Fit weights, intercept and name_gain; the rest is taken from ``base``."""
    weights = _fit_ranking([e for e in data if RANKING_WEIGHT[e.kind] > 0])
    slope, intercept, name_gain = _fit_calibration(data, weights, base)
    return ErrorModel(
        weights=tuple(float(w) for w in slope * weights),
        intercept=float(intercept),
        name_gain=float(name_gain),
        max_name_gain=base.max_name_gain,
        intercept_sd=base.intercept_sd,
        weights_sd=base.weights_sd,
        class_sd=base.class_sd,
    )


def _fit_ranking(data: Sequence[Evidence]) -> np.ndarray:
    """Return (4,) weights, none negative."""
    spread = np.sqrt(np.mean([e.log_odds.var(axis=0) for e in data], axis=0))
    rows = np.vstack([e.log_odds for e in data]) / spread
    errors = np.concatenate([e.errors for e in data])
    group = np.repeat(np.arange(len(data)), [len(e.errors) for e in data])
    share = np.concatenate(
        [np.full(len(e.errors), RANKING_WEIGHT[e.kind] / len(e.errors)) for e in data]
    )
    share /= share.sum()
    n_weights = len(HYPOTHESES)

    def objective(params: np.ndarray) -> tuple[float, np.ndarray]:
        weights = params[:n_weights]
        logits = rows @ weights + params[n_weights + group]
        loss = share @ (np.logaddexp(0, logits) - errors * logits)
        slope = share * (_sigmoid(logits) - errors)
        gradient = np.concatenate(
            (
                rows.T @ slope + 2 * _WEIGHTS_RIDGE * weights,
                np.bincount(group, slope, minlength=len(data)),
            )
        )
        return float(loss + _WEIGHTS_RIDGE * (weights**2).sum()), gradient

    bounds = [(0, None)] * n_weights + [(None, None)] * len(data)
    found = minimize(
        objective, np.zeros(n_weights + len(data)), jac=True, method="L-BFGS-B", bounds=bounds
    )
    weights: np.ndarray = found.x[:n_weights] / spread
    return weights


def _fit_calibration(data: Sequence[Evidence], weights: np.ndarray, base: ErrorModel) -> np.ndarray:
    """Return slope, intercept and name_gain, on rows averaged in bins."""
    features = np.array([_features(e, base) for e in data])  # (S, 1)
    spread = np.maximum(features.std(axis=0), 1e-6)
    share = np.array([CALIBRATION_WEIGHT[e.kind] for e in data])
    share /= share.sum()
    binned = [_binned(e.log_odds @ weights, e.errors) for e in data]
    sizes = np.array([len(errors) for _, errors in binned])
    sums = np.concatenate([means for means, _ in binned])
    errors = np.concatenate([errors for _, errors in binned])
    group = np.repeat(np.arange(len(data)), sizes)
    design = np.column_stack([sums, np.ones(len(sums)), features[group]])
    rates = np.array([e.mean() for _, e in binned])

    def objective(params: np.ndarray) -> tuple[float, np.ndarray]:
        logits = design @ params
        p = _sigmoid(logits)
        row_share = (share / sizes)[group]
        miss = np.bincount(group, p, minlength=len(data)) / sizes - rates
        loss = row_share @ (np.logaddexp(0, logits) - errors * logits)
        loss += _RATE_PENALTY * (share @ miss**2)
        scaled = params[2:] * spread
        slope = row_share * (p - errors)
        slope += 2 * _RATE_PENALTY * row_share * miss[group] * p * (1 - p)
        gradient = design.T @ slope
        gradient[2:] += 2 * _FEATURES_RIDGE * scaled * spread
        return float(loss + _FEATURES_RIDGE * (scaled**2).sum()), gradient

    start = np.array([0.6, -0.8, 0.0])
    found: np.ndarray = minimize(objective, start, jac=True, method="BFGS").x
    return found


def _features(evidence: Evidence, base: ErrorModel) -> tuple[float]:
    """Return what ``ErrorModel.offset`` multiplies name_gain by."""
    return (min(evidence.gain, base.max_name_gain),)


def _binned(scores: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average scores and errors over runs of rows with about the same score."""
    order = np.argsort(scores, kind="stable")
    runs = np.array_split(order, min(_N_BINS, len(order)))
    return (
        np.array([scores[run].mean() for run in runs]),
        np.array([errors[run].mean() for run in runs]),
    )


def measure_spreads(data: Sequence[Evidence], models: dict[str, ErrorModel]) -> Spreads:
    """Fit to each set what it lacks beside the model that has not seen its source.

    Args:
        data: sets with errors.
        models: for each source the model that was fitted without it.
    """
    shifts, class_spreads = [], []
    for evidence in data:
        model = models[evidence.source]
        shift, spread = _own_shift(evidence, model)
        shifts.append(shift)
        class_spreads.append(spread)
    rms = np.sqrt(np.mean(np.square(shifts), axis=0))
    classes = [spread for spread in class_spreads if not np.isnan(spread)]
    return Spreads(
        float(rms[0]), tuple(float(r) for r in rms[1:]), float(np.sqrt(np.mean(np.square(classes))))
    )


def _own_shift(evidence: Evidence, model: ErrorModel) -> tuple[np.ndarray, float]:
    """Return (5,) the set's own intercept and weights, and its classes' spread.

    The shifts have a wide normal prior, or sets that a hypothesis separates would run away.
    """
    errors = evidence.errors
    all_odds = evidence.hypotheses.log_odds
    centred = evidence.log_odds - all_odds.mean(axis=0)
    base = evidence.log_odds @ np.array(model.weights)
    base += model.offset(evidence.gain)
    precision = 1 / np.square([1.5, 0.7, 0.7, 0.7, 0.7])

    def objective(shift: np.ndarray) -> tuple[float, np.ndarray]:
        logits = base + shift[0] + centred @ shift[1:]
        slope = _sigmoid(logits) - errors
        loss = (np.logaddexp(0, logits) - errors * logits).sum() + 0.5 * precision @ shift**2
        return float(loss), np.concatenate(([slope.sum()], centred.T @ slope)) + precision * shift

    shift: np.ndarray = minimize(objective, np.zeros(5), jac=True, method="BFGS").x
    logits = base + shift[0] + centred @ shift[1:]
    given = evidence.given[evidence.known]
    intercepts = []
    for label in np.unique(given):
        rows = given == label
        if rows.sum() < _LEAST_CLASS_ROWS:
            continue
        rate = float(np.clip(errors[rows].mean(), 0.005, 0.995))
        intercepts.append(_intercept_for(logits[rows], rate))
    return shift, float(np.std(intercepts)) if len(intercepts) > 1 else float("nan")


def _intercept_for(logits: np.ndarray, rate: float) -> float:
    """Return what must be added to the logits for their mean probability to be the rate."""
    return float(brentq(lambda added: _sigmoid(logits + added).mean() - rate, -30, 30))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    positive: np.ndarray = 1 / (1 + np.exp(-np.abs(x)))
    return np.where(x >= 0, positive, 1 - positive)
