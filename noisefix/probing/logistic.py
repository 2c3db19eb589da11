"""Multinomial logistic regression: F weighted copies of one problem, minimised together.

The objective is scikit-learn's ``LogisticRegression``: C times the weighted cross-entropy plus half
the squared weights, intercept free. One matrix product a pass over the rows serves every class of
every fold, and L-BFGS is preconditioned with the features' covariance, so that some 15 passes do
what takes the usual solver 100 and more. Plain NumPy, in threads; the result does not depend on
their number, nor on whether the features are held or read from a file, a block a pass. Memory: some
40 copies of the weights (D x F x K), D x D, and a block of rows for each thread.

Sources: Nocedal & Wright, Numerical Optimization, algorithms 7.4 and 7.5 (L-BFGS); Boehning 1992
(the covariance bounds the Hessian of the multinomial likelihood).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from noisefix.threads import one_blas_thread, thread_map
from noisefix.vectors import Vectors

_HISTORY = 10  # pairs of steps and gradient changes that L-BFGS remembers
_BLOCK_VALUES = 2**18  # scores held at once by a thread: they stay in the cache
_PARTS = 16  # of the rows, worked on in threads; fixed, so that sums never depend on the cores
_ABSENT = np.float32(-1e4)  # intercept of a class without training rows: exp() is exactly 0


@dataclass(frozen=True)
class Problem:
    """What is fitted: F weighted copies of one regression that share the features."""

    features: Vectors  # (N, D): the rows that are trained on in some fold
    mean: np.ndarray  # (D,) float32, subtracted from every row: uncouples intercepts from weights
    labels: np.ndarray  # (N,)
    weights: np.ndarray  # (N, F) float32, 0 = not a training row of this fold
    class_weights: np.ndarray  # (F, K) summed training weight of each class
    penalty: float


def minimise(problem: Problem, max_iter: int, tol: float) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (D, F, K) and intercepts (F, K) of the minimum.

    Args:
        problem: what to fit.
        max_iter: most L-BFGS steps.
        tol: stop when no entry of the gradient of any copy's mean loss exceeds this.
    """
    with one_blas_thread():
        return _minimise(problem, max_iter, tol)


def _minimise(problem: Problem, max_iter: int, tol: float) -> tuple[np.ndarray, np.ndarray]:
    """L-BFGS. Every copy has its own line search and its own coefficients.

    So the batch changes how fast they are computed, not what is computed.
    """
    n_folds, n_classes = problem.class_weights.shape
    n_features = problem.features.shape[1]
    totals = np.maximum(problem.class_weights.sum(axis=1), 1e-30)  # (F,)
    shares = problem.class_weights / totals[:, None]
    present = shares > 0

    theta = np.zeros((n_features + 1, n_folds, n_classes), dtype=np.float32)  # last row: intercept
    theta[-1] = np.where(present, np.log(np.maximum(shares, 1e-30)), _ABSENT)
    precondition = _Preconditioner(problem, shares)
    steps: deque[np.ndarray] = deque(maxlen=_HISTORY)
    changes: deque[np.ndarray] = deque(maxlen=_HISTORY)
    curvatures: deque[np.ndarray] = deque(maxlen=_HISTORY)
    scale = np.ones(n_folds)

    loss, gradient = _loss_and_gradient(problem, theta)
    for _ in range(max_iter):
        largest = np.abs(gradient).max(axis=(0, 2)) / totals
        if (largest <= tol).all():
            break
        direction = gradient.copy()
        kept = list(zip(steps, changes, curvatures, strict=True))
        backward = []
        for step, change, curvature in reversed(kept):
            a = curvature * _dots(step, direction)
            direction -= _by_fold(a) * change
            backward.append(a)
        direction = precondition(direction) * _by_fold(scale)
        for (step, change, curvature), a in zip(kept, reversed(backward), strict=True):
            direction += _by_fold(a - curvature * _dots(change, direction)) * step

        new_theta, new_loss, new_gradient = _line_search(problem, theta, loss, gradient, direction)
        step, change = new_theta - theta, new_gradient - gradient
        product = _dots(step, change)
        usable = product > 1e-12
        if not usable.any():
            break  # no fold can move any more at this precision
        steps.append(step)
        changes.append(change)
        curvatures.append(np.where(usable, 1.0 / np.where(usable, product, 1.0), 0.0))
        norm = np.maximum(_dots(change, precondition(change)), 1e-30)
        scale = np.where(usable, product / norm, scale)
        theta, loss, gradient = new_theta, new_loss, new_gradient
    weights = theta[:-1]
    intercepts = theta[-1] - np.tensordot(problem.mean, weights, axes=1)
    return weights, intercepts


class _Preconditioner:
    """Inverse of an approximate Hessian: penalty + share (1 - share) n covariance, by class."""

    def __init__(self, problem: Problem, shares: np.ndarray) -> None:
        n_rows, n_features = problem.features.shape
        if n_rows >= n_features:
            parts = _parts(n_rows, max(1, min(_PARTS, 2**24 // n_features**2)))
            grams = thread_map(lambda part: _gram(problem, *part), parts)
            spectrum, self._vectors = np.linalg.eigh(np.sum(grams, axis=0))
        else:  # fewer rows than features: weights and gradients lie in the span of the rows
            centred = problem.features.rows(0, n_rows) - problem.mean
            spectrum, left = np.linalg.eigh(centred @ centred.T)
            kept = spectrum > 1e-6 * spectrum.max(initial=0.0)
            spectrum = spectrum[kept]
            self._vectors = centred.T @ (left[:, kept] / np.sqrt(spectrum))
        totals = problem.class_weights.sum(axis=1)
        weight = shares * (1 - shares) * (totals / max(n_rows, 1))[:, None]  # (F, K)
        spectrum = np.maximum(spectrum, 0)[:, None, None]
        self._inverse = (1.0 / (problem.penalty + spectrum * weight)).astype(np.float32)
        curvature = shares * (1 - shares) * totals[:, None]
        self._intercept = (1.0 / np.maximum(curvature, 1e-3)).astype(np.float32)

    def __call__(self, gradient: np.ndarray) -> np.ndarray:
        shape = gradient[:-1].shape
        flat = gradient[:-1].reshape(shape[0], -1)
        rotated = (self._vectors.T @ flat).reshape(-1, *shape[1:]) * self._inverse
        result = np.empty_like(gradient)
        result[:-1] = (self._vectors @ rotated.reshape(len(rotated), -1)).reshape(shape)
        result[-1] = gradient[-1] * self._intercept
        return result


def _parts(n_rows: int, most: int) -> list[tuple[int, int]]:
    """Cut the rows into at most ``most`` parts, none too small to be worth a thread."""
    bounds = np.linspace(0, n_rows, min(most, n_rows // 256 + 1) + 1).astype(int).tolist()
    return list(pairwise(bounds))


def _gram(problem: Problem, first: int, last: int) -> np.ndarray:
    gram = np.zeros((len(problem.mean), len(problem.mean)), dtype=np.float32)
    for start in range(first, last, 4096):
        centred = problem.features.rows(start, min(start + 4096, last)) - problem.mean
        gram += centred.T @ centred
    return gram


def _line_search(
    problem: Problem,
    theta: np.ndarray,
    loss: np.ndarray,
    gradient: np.ndarray,
    direction: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Halve each fold's step until its loss falls enough (Armijo); a step of 0 always passes."""
    slope = _dots(gradient, direction)
    length = np.ones(len(loss))
    rounding = 1e-6 * np.abs(loss)
    for attempt in range(20):
        new_theta = theta - _by_fold(length) * direction
        new_loss, new_gradient = _loss_and_gradient(problem, new_theta)
        enough = new_loss <= loss - 1e-4 * length * slope + rounding
        if enough.all():
            break
        length = np.where(enough, length, length / 2 if attempt < 18 else 0.0)
    return new_theta, new_loss, new_gradient


def _loss_and_gradient(problem: Problem, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the losses (F,) float64 and their gradients (D + 1, F, K)."""
    n_rows, n_columns = len(problem.labels), theta[0].size
    weights = theta[:-1].reshape(-1, n_columns)
    offset = (theta[-1].reshape(n_columns) - problem.mean @ weights).astype(np.float32)
    parts = thread_map(lambda part: _part(problem, weights, offset, *part), _parts(n_rows, _PARTS))
    loss = np.sum([part[0] for part in parts], axis=0)
    residual_sum = np.sum([part[1] for part in parts], axis=0)
    gradient = np.empty((len(theta), n_columns), dtype=np.float32)
    gradient[:-1] = parts[0][2]
    for part in parts[1:]:
        gradient[:-1] += part[2]
    gradient[:-1] -= np.outer(problem.mean, residual_sum).astype(np.float32)
    gradient[:-1] += np.float32(problem.penalty) * weights
    gradient[-1] = residual_sum
    loss += 0.5 * problem.penalty * _dots(theta[:-1], theta[:-1])
    return loss, gradient.reshape(theta.shape)


def _part(
    problem: Problem, weights: np.ndarray, offset: np.ndarray, first: int, last: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return loss (F,), summed residuals (F * K,) and gradient (D, F * K) of rows first..last."""
    n_folds, n_classes = problem.class_weights.shape
    loss = np.zeros(n_folds)
    residual_sum = np.zeros(len(offset))
    gradient = np.zeros(weights.shape, dtype=np.float32)
    block = int(np.clip(_BLOCK_VALUES // len(offset), 256, 4096))
    for start in range(first, last, block):
        end = min(start + block, last)
        x, y, w = (
            problem.features.rows(start, end),
            problem.labels[start:end],
            problem.weights[start:end],
        )
        scores = (x @ weights + offset).reshape(-1, n_folds, n_classes)  # (B, F, K)
        scores -= scores.max(axis=2, keepdims=True)
        index = np.arange(len(y))
        own = scores[index, :, y]  # (B, F)
        np.exp(scores, out=scores)
        sums = scores.sum(axis=2)
        loss += (w * (np.log(sums) - own)).sum(axis=0, dtype=np.float64)
        scores *= (w / sums)[:, :, None]
        scores[index, :, y] -= w
        residual = scores.reshape(len(y), -1)  # weight * (probability - one-hot label)
        gradient += x.T @ residual
        residual_sum += residual.sum(axis=0)
    return loss, residual_sum, gradient


def _dots(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Inner product of each fold's parameters, (F,) float64."""
    n_folds = a.shape[1]
    return np.array([np.vdot(a[:, f], b[:, f]) for f in range(n_folds)], dtype=np.float64)


def _by_fold(values: np.ndarray) -> np.ndarray:
    """Shape (F,) values so that they multiply (D + 1, F, K) parameters."""
    return values.astype(np.float32)[None, :, None]
