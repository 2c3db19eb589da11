"""Gaussian: linear discriminant analysis on the estimated true labels, in closed form.

A row counts towards every class by the detect stage's probability that it is of that class. Means,
one covariance that all classes share, and class shares follow from that; what they say together is
a linear head. No epochs, no learning rate, nothing random.

Source: the limit without drawing of the calibrated Gaussians of Zhang, Zhao, Yao, Yuan, Huang, ICCV
2023 (known from its abstract; see ``rcal``). Decisions, as the paper's constants are not known: one
covariance, of which a share gives way to a multiple of the identity; the class shares of the
posterior; and one temperature, for rows are less normal than the model has them, so that it is too
sure of itself. It is the one under which rows that were left out are likeliest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisefix.errors import UsageError
from noisefix.probability import log_softmax
from noisefix.probing.folds import make_folds
from noisefix.probing.sampling import some_rows
from noisefix.training.heads import HeadClassifier
from noisefix.training.interface import Checkpoint, Training, TrainingData, TrainingStep
from noisefix.training.targets import repaired_targets

_BLOCK = 8192  # rows in double precision at once
_LEAST_SHARE = 1e-6  # of a class that no row is thought to have: it is predicted never
_LEAST_SPREAD = 1e-6
_FOLDS = 10  # few rows are missed: with fewer the head would seem worse than it is
_MOST_ROWS = 20_000  # that decide on the temperature
_COOLEST, _HOTTEST = 0.25, 32.0
LABELS = ("posterior", "repaired")


@dataclass(frozen=True)
class Params:
    """Options.

    Attributes:
        shrinkage: share of the covariance that is replaced by a multiple of the identity.
        labels: "posterior" for the estimate of every row's true label, "repaired" where rows that
            are not flagged keep their given label, and decisions of ``relabel`` count.
    """

    shrinkage: float = 0.5
    labels: str = "posterior"

    def __post_init__(self) -> None:
        if not 0 <= self.shrinkage <= 1:
            raise UsageError(f"shrinkage is {self.shrinkage}", "it must lie in 0 to 1")
        if self.labels not in LABELS:
            raise UsageError(f"labels {self.labels!r} is unknown", f"choose {' or '.join(LABELS)}")


def class_labels(data: TrainingData, labels: str, method: str) -> np.ndarray:
    """Return (N, K) how far a row is of each class; zero rows where nothing is known or wanted."""
    if labels == "repaired":
        found = repaired_targets(data, method=method).astype(np.float64)
    else:
        found = data.need("true_label_probs", method).astype(np.float64)
        if data.repaired_labels is not None:
            found = np.where((data.repaired_labels >= 0)[:, None], found, 0.0)
    found[~data.is_labelled] = 0.0
    return found


def class_means(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (K,) rows of each class, and (K, D) their means; of an empty class, that of all.

    Args:
        features: (N, D).
        labels: (N, K) how far each row is of each class.
    """
    counts = labels.sum(axis=0)
    sums = np.zeros((labels.shape[1], features.shape[1]))
    for start in range(0, len(features), _BLOCK):
        part = slice(start, start + _BLOCK)
        sums += labels[part].T @ features[part].astype(np.float64)
    overall = sums.sum(axis=0) / max(float(counts.sum()), 1e-12)
    known = counts > 1e-9
    means = np.tile(overall, (len(counts), 1))
    means[known] = sums[known] / counts[known, None]
    return counts, means


def pooled_covariance(
    features: np.ndarray, labels: np.ndarray, counts: np.ndarray, means: np.ndarray
) -> np.ndarray:
    """Return (D, D) the covariance of rows around the means of their classes."""
    products = np.zeros((features.shape[1],) * 2)
    weights = labels.sum(axis=1)
    for start in range(0, len(features), _BLOCK):
        rows = features[start : start + _BLOCK].astype(np.float64)
        products += (rows * weights[start : start + _BLOCK, None]).T @ rows
    within: np.ndarray = products - (means * counts[:, None]).T @ means
    within /= max(float(counts.sum()), 1e-12)
    return within


def shrunk(covariance: np.ndarray, shrinkage: float) -> np.ndarray:
    """Return a covariance, a share of which is a multiple of the identity of the same trace."""
    size = max(float(np.trace(covariance)) / len(covariance), _LEAST_SPREAD)
    mixed: np.ndarray = (1 - shrinkage) * covariance
    mixed += (shrinkage * size + _LEAST_SPREAD * size) * np.eye(len(covariance))
    return mixed


def discriminant_head(
    means: np.ndarray, covariance: np.ndarray, shares: np.ndarray
) -> HeadClassifier:
    """Return the linear head of classes that are normal around their means.

    Args:
        means: (K, D).
        covariance: (D, D) of all classes, invertible.
        shares: (K,) how common the classes are; sums to 1.
    """
    from scipy.linalg import cho_factor, cho_solve

    weight = cho_solve(cho_factor(covariance, lower=True), means.T)  # (D, K)
    bias = np.log(np.maximum(shares, _LEAST_SHARE)) - 0.5 * (means.T * weight).sum(axis=0)
    # Only differences count: centred, they keep their digits in single precision.
    weight -= weight.mean(axis=1, keepdims=True)
    bias -= bias.mean()
    return HeadClassifier({"weight": weight[None], "bias": bias[None, None]})


def fit_head(features: np.ndarray, labels: np.ndarray, shrinkage: float) -> HeadClassifier:
    """Return the head of (N, D) features and (N, K) labels, at temperature 1."""
    counts, means = class_means(features, labels)
    within = pooled_covariance(features, labels, counts, means)
    return discriminant_head(means, shrunk(within, shrinkage), counts / counts.sum())


def left_out_temperature(
    features: np.ndarray, labels: np.ndarray, groups: np.ndarray | None, shrinkage: float
) -> float:
    """Return what to divide logits by, so that rows that the head has not seen are likeliest.

    Args:
        features: (N, D).
        labels: (N, K) distributions.
        groups: (N,) rows that stay together; None: none do.
        shrinkage: of the covariance.
    """
    from scipy.optimize import minimize_scalar

    folds = make_folds(labels.argmax(axis=1), groups, n_folds=_FOLDS)
    logits, wanted = [], []
    for fold in range(_FOLDS):
        out = folds == fold
        if not out.any() or out.all():
            continue
        head = fit_head(features[~out], labels[~out], shrinkage)
        logits.append(head.logits(features[out])[0].astype(np.float64))
        wanted.append(labels[out])
    if not logits:
        return 1.0
    found, towards = np.concatenate(logits), np.concatenate(wanted)

    def loss(log_temperature: float) -> float:
        return -float((towards * log_softmax(found / np.exp(log_temperature))).sum())

    bounds = (np.log(_COOLEST), np.log(_HOTTEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def fit(
    data: TrainingData,
    params: Params,
    *,
    seed: int,
    device: str,
    checkpoint: Checkpoint | None = None,
) -> Training:
    """Work the head out; see ``interface.Fit``. Neither seed nor device has a part in it."""
    data.check_frozen("gaussian")
    labels = class_labels(data, params.labels, "gaussian")
    rows = np.flatnonzero(labels.any(axis=1))
    features, labels = data.features[rows], labels[rows]
    some = some_rows(np.arange(len(rows)), _MOST_ROWS)
    groups = None if data.groups is None else data.groups[rows][some]
    heat = left_out_temperature(features[some], labels[some], groups, params.shrinkage)
    sharp = fit_head(features, labels, params.shrinkage).parameters
    head = HeadClassifier({name: value / heat for name, value in sharp.items()})
    logs = log_softmax(head.logits(features)[0])
    loss = -float((labels * logs).sum(axis=1).mean())
    yield TrainingStep(1, 1, loss, {"temperature": heat})
    return head
