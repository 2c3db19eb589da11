"""Fit the constants of noisefix's two readings to data sets with known truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from noisefix.probability import sigmoid
from noisefix.probing.hypotheses import HYPOTHESES, Hypotheses
from noisefix.probing.readings import CALIBRATIONS, MAX_NAME_GAIN, Calibration, SharesAsGiven, read

CALIBRATION_WEIGHT = {
    "people": {"people": 1.0, "clean": 1.0, "made": 0.15},
    "model": {"rules": 1.0, "model": 1.0, "made": 0.1},
    "unknown": {"people": 1.2, "rules": 0.8, "model": 0.6, "clean": 1.5, "made": 0.3},
}
"""How much a set counts for each calibration, by who labelled it; made: noise put in."""

_WEIGHTS_RIDGE = 1e-2
_WEIGHTS_SCALE = 1.15
_RATE_PENALTY = 2.0
_RIDGE = 3e-3
_N_BINS = 200
_START = np.array([0.8, -0.5, 0.0, 0.0, 0.0])
_SCALE = np.array([1.0, 1.0, 1.0, 3.0, 3.0])
_IDENTITY = Calibration(1.0, 0.0, 0.0, 0.0, 1.0, (1.0, 1.0))


@dataclass(frozen=True, eq=False)
class Looked:
    """What is known of one task's N rows.

    Attributes:
        name: the task.
        who: who labelled: "people", "rules", "model", "clean" (people, carefully) or "made".
        source: which texts.
        given: (N,) class ids, -1 = unlabelled.
        truth: (N,) class ids, -1 = not known; K or above was never given.
        hypotheses: what they say.
        shares: the views at the given shares.
        gain: how much the label names explain, in [0, 1].
        plain: (N,) score of the plain script.
        plain_flags: (N,) bool, its flags.
    """

    name: str
    who: str
    source: str
    given: np.ndarray
    truth: np.ndarray
    hypotheses: Hypotheses
    shares: SharesAsGiven
    gain: float
    plain: np.ndarray
    plain_flags: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """(N,) bool, rows with a label whose truth is known."""
        return (self.given >= 0) & (self.truth >= 0)

    @property
    def is_error(self) -> np.ndarray:
        """(N,) bool, only meaningful where known."""
        return self.given != self.truth


def fit_weights(data: Sequence[Looked]) -> np.ndarray:
    """Return (4,) weights of the hypotheses, none negative, by the ranking within the real sets."""
    real = [task for task in data if task.who in ("people", "rules", "model")]
    real = [task for task in real if task.is_error[task.known].any()]
    odds = [task.hypotheses.log_odds[task.known] for task in real]
    spread = np.sqrt(np.mean([part.var(axis=0) for part in odds], axis=0)) + 1e-9
    rows = np.vstack(odds) / spread
    errors = np.concatenate([task.is_error[task.known] for task in real]).astype(float)
    sizes = [len(part) for part in odds]
    group = np.repeat(np.arange(len(real)), sizes)
    share = np.concatenate([np.full(size, 1 / size) for size in sizes]) / len(real)
    k = len(HYPOTHESES)

    def loss(params: np.ndarray) -> tuple[float, np.ndarray]:
        logits = rows @ params[:k] + params[k + group]
        value = share @ (np.logaddexp(0, logits) - errors * logits)
        slope = share * (sigmoid(logits) - errors)
        ridge = _WEIGHTS_RIDGE * (params[:k] ** 2).sum()
        gradient = rows.T @ slope + 2 * _WEIGHTS_RIDGE * params[:k]
        return float(value + ridge), np.concatenate(
            [gradient, np.bincount(group, slope, minlength=len(real))]
        )

    bounds = [(0, None)] * k + [(None, None)] * len(real)
    start = np.zeros(k + len(real))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    weights: np.ndarray = _WEIGHTS_SCALE * found[:k] / spread
    return weights


def fit_calibrations(data: Sequence[Looked], weights: np.ndarray) -> dict[str, Calibration]:
    """Return the calibration of each kind of labeller; the spreads are those shipped."""
    found = {}
    for kind in CALIBRATION_WEIGHT:
        slope, intercept, of_rules, name_gain, slope_gain = _fit(data, weights, kind)
        fitted = (float(slope), float(slope_gain), float(intercept), float(name_gain))
        names = ("slope", "slope_gain", "intercept", "name_gain")
        changes = dict(zip(names, fitted, strict=True))
        found[kind] = replace(CALIBRATIONS[kind], **changes)
        if kind == "model":
            changes["intercept"] += float(of_rules)
            found["rules"] = replace(CALIBRATIONS["rules"], **changes)
    return found


def _fit(data: Sequence[Looked], weights: np.ndarray, kind: str) -> np.ndarray:
    """Return slope, intercept, that of rules beyond it, name_gain and slope_gain."""
    parts = []
    for task in data:
        weight = CALIBRATION_WEIGHT[kind].get(task.who, 0.0)
        if not weight:
            continue
        odds = task.hypotheses.log_odds @ weights
        mixed = read(task.shares, odds, kind, 0.0, calibration=_IDENTITY).base[task.known]
        errors = task.is_error[task.known].astype(float)
        order = np.argsort(mixed, kind="stable")
        runs = np.array_split(order, min(_N_BINS, len(order)))
        share = np.array([len(run) for run in runs]) / len(order)
        x = np.array([mixed[run].mean() for run in runs])
        y = np.array([errors[run].mean() for run in runs])
        gain, ones = min(task.gain, MAX_NAME_GAIN), np.ones(len(x))
        is_rules = float(kind == "model" and task.who == "rules")
        design = np.column_stack([x, ones, is_rules * ones, gain * ones, gain * x])
        parts.append((design, y, share, weight, float(errors.mean())))
    total = sum(part[3] for part in parts)

    def loss(params: np.ndarray) -> tuple[float, np.ndarray]:
        pull = (params - _START) / _SCALE
        value, gradient = _RIDGE * (pull**2).sum(), 2 * _RIDGE * pull / _SCALE
        for design, y, share, weight, rate in parts:
            logits = design @ params
            p = sigmoid(logits)
            miss = share @ p - rate
            fit = share @ (np.logaddexp(0, logits) - y * logits) + _RATE_PENALTY * miss**2
            value += weight / total * fit
            slope = share * ((p - y) + 2 * _RATE_PENALTY * miss * p * (1 - p))
            gradient = gradient + weight / total * (slope @ design)
        return float(value), gradient

    found: np.ndarray = minimize(loss, _START.copy(), jac=True, method="BFGS").x
    return found
